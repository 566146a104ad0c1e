//! Writes libtorch's folder into the run path of every binary, test and bench, so that they start
//! from anywhere without `LD_LIBRARY_PATH`, and tells the code libtorch's version.

use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // torch-sys publishes the folder it linked against to its direct dependents.
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    let Some(named_folder) = std::env::var_os("DEP_TCH_LIBTORCH_LIB") else {
        println!("cargo:rustc-env=FIELDSCOPE_LIBTORCH_VERSION=unknown");
        return;
    };
    let named_folder = PathBuf::from(named_folder);
    // libtorch has no function that tells its version to tch; its folder has a file.
    let version = std::fs::read_to_string(named_folder.join("../build-version"));
    let version = version.map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned());
    println!("cargo:rustc-env=FIELDSCOPE_LIBTORCH_VERSION={version}");
    // The checkout's link to libtorch is resolved, for a program outlives the checkout.
    let folder = named_folder.canonicalize().unwrap_or_else(|_| named_folder.clone());
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", folder.display());
    // Another libtorch behind the same link has another folder.
    let library = named_folder.join("libtorch_cpu.so");
    if Path::new(&library).exists() {
        println!("cargo:rerun-if-changed={}", library.display());
    }
}
