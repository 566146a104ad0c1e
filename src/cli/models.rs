//! `fieldscope models`: the architectures.

use super::Failure;
use super::console::{json, out};

/// List the architectures it knows
#[derive(clap::Args)]
pub struct Arguments {
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Prints a line an architecture, by family.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let architectures = fieldscope::zoo::architectures();
    if arguments.json {
        let entry = |a: &fieldscope::zoo::Architecture| {
            serde_json::json!({
                "name": a.name, "family": a.family, "summary": a.summary,
                "citation": a.citation, "mean": a.defaults.mean, "std": a.defaults.std,
            })
        };
        return json(&architectures.iter().map(entry).collect::<Vec<_>>());
    }
    let width = architectures.iter().map(|a| a.name.len()).max().unwrap_or(0).max(11);
    let mut family = "";
    for architecture in &architectures {
        if architecture.family != family {
            family = architecture.family;
            out(format_args!("{family}"))?;
        }
        out(format_args!("  {:width$}  {}", architecture.name, architecture.summary))?;
    }
    out(format_args!("Any other network"))?;
    out(format_args!("  {:width$}  a TorchScript file: torchscript=FILE", "torchscript"))
}
