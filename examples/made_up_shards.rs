//! Makes shares of a run out of one that was computed, to time a merge of many without computing
//! them: `made_up_shards SHARE COUNT OUT`, where SHARE is the folder that `fieldscope erf --shard
//! 1/COUNT` wrote. Their sums are those of that share, so what is merged means nothing.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use fieldscope::erf::state::{Head, State};
use fieldscope::store::Shard;
use fieldscope::store::folder::MANIFEST_NAME;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [share, count, out] = arguments.as_slice() else {
        return Err("give SHARE COUNT OUT".into());
    };
    let count: usize = count.parse()?;
    let manifest = fs::read_to_string(Path::new(share).join(MANIFEST_NAME))?;
    for number in 1..=count {
        let folder = Path::new(out).join(format!("part{number:04}"));
        fs::create_dir_all(&folder)?;
        // The command line there, from which `merge` learns what was asked.
        let manifest =
            manifest.replace(&format!("\"1/{count}\""), &format!("\"{number}/{count}\""));
        fs::write(folder.join(MANIFEST_NAME), manifest)?;
        for path in states(Path::new(share))? {
            let mut state = State::read(&path)?.ok_or("the state has gone")?;
            let shard = Shard::new(number, count)?;
            for image in &mut state.measured.used {
                image.index += number - 1;
            }
            state.measured.next += number - 1;
            let head = Head { shard, ..state.head };
            let name = path.file_name().ok_or("a state without a name")?;
            State { head, measured: state.measured }.write(&folder.join(name))?;
        }
    }
    Ok(())
}

fn states(folder: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let paths = entries.into_iter().map(|entry| entry.path());
    Ok(paths.filter(|path| path.extension().is_some_and(|end| end == "state")).collect())
}
