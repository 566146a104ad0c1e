//! The text of a job script for `sbatch`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use minijinja::{Environment, context};

use super::ClusterError;
use crate::analysis::file::ClusterPart;
use crate::analysis::run::division::DividedWork;
use crate::store::safe_file_name;

const TEMPLATE: &str = include_str!("templates/job.sh");

/// How tasks are started, the same for all.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Where it is started; the paths below are as seen from there.
    pub folder: PathBuf,
    /// The analysis file.
    pub file: PathBuf,
    /// Folder of the results, where it isn't the file's.
    pub out: Option<PathBuf>,
    /// Into how many shares the work on each network is divided.
    pub shards: NonZeroUsize,
    /// What each task asks for.
    pub resources: ClusterPart,
    /// Whether shares are removed once they have been put together.
    pub remove_parts: bool,
    /// Folder of what tasks print; from the root.
    pub logs: PathBuf,
}

impl Launch {
    /// The script of the array job that computes the shares of one work; `before` tasks have
    /// smaller numbers. An array index is the number of a share, from 1. With `force`, parts of other
    /// settings are begun anew.
    ///
    /// # Errors
    ///
    /// [`ClusterError::Unwritable`], [`ClusterError::Template`].
    pub fn array(
        &self,
        work: &DividedWork,
        before: usize,
        force: bool,
    ) -> Result<String, ClusterError> {
        let force = if force { "--force " } else { "" };
        let task = format!("{force}--task \"$(({before} + SLURM_ARRAY_TASK_ID))\"");
        let purpose = format!("{}, a share a task", work.name);
        self.job(&purpose, &work.file_name, "-%a", &task)
    }

    /// The script of the job that puts all shares together and makes the report.
    ///
    /// # Errors
    ///
    /// As [`Launch::array`].
    pub fn merge(&self) -> Result<String, ClusterError> {
        let what = if self.remove_parts { "--merge --remove-parts" } else { "--merge" };
        self.job("Puts the shares together and makes the report", "merge", "", what)
    }

    fn job(
        &self,
        purpose: &str,
        name: &str,
        suffix: &str,
        what: &str,
    ) -> Result<String, ClusterError> {
        // sbatch reads `%%` as `%`, and `%a` as the array index.
        let log = format!("{}{suffix}.log", text(&self.logs.join(name))?.replace('%', "%%"));
        let directives = self.directives(name, &log)?;
        let purpose = purpose.replace(char::is_control, " ");
        let setup = self.resources.setup.as_deref().map(str::trim_end);
        let command = self.command(what)?;
        let context = context! { purpose, directives, setup, command };
        let script = Environment::new().render_str(TEMPLATE, context)?;
        Ok(format!("{script}\n"))
    }

    fn directives(&self, name: &str, log: &str) -> Result<Vec<String>, ClusterError> {
        let resources = &self.resources;
        let mut options = vec![
            format!("--job-name=fieldscope-{}", safe_file_name(name)),
            format!("--chdir={}", text(&self.folder)?),
            format!("--output={log}"),
            "--open-mode=append".to_owned(),
            "--requeue".to_owned(),
            format!("--cpus-per-task={}", self.threads()),
        ];
        let pairs = [
            ("partition", &resources.partition),
            ("time", &resources.time),
            ("mem", &resources.memory),
            ("account", &resources.account),
        ];
        for (option, value) in pairs {
            options.extend(value.as_ref().map(|value| format!("--{option}={value}")));
        }
        options.extend(resources.gpus.map(|gpus| format!("--gpus={gpus}")));
        options.extend(resources.options.iter().cloned());
        options.iter().map(|option| directive(option)).collect()
    }

    /// The program's own command line.
    fn command(&self, what: &str) -> Result<String, ClusterError> {
        let shards = self.shards.to_string();
        let threads = self.threads().to_string();
        let mut words =
            vec![text(&self.program)?, "run", "--shards", &shards, "--threads", &threads];
        if let Some(out) = &self.out {
            words.extend(["--out", text(out)?]);
        }
        let file = quote(&["--", text(&self.file)?])?;
        Ok(format!("{} {what} {file}", quote(&words)?))
    }

    /// Threads that a task computes with.
    pub fn threads(&self) -> u16 {
        self.resources.cpus.unwrap_or(1)
    }
}

/// Words for a shell, each quoted where it needs to be.
///
/// # Errors
///
/// [`ClusterError::Unwritable`] where one holds a NUL.
pub fn quote(words: &[&str]) -> Result<String, ClusterError> {
    shlex::try_join(words.iter().copied())
        .map_err(|_| ClusterError::Unwritable { what: words.join(" "), problem: "it holds a NUL" })
}

/// An option on a `#SBATCH` line: sbatch takes `#` for a comment there, and quotes like a shell's.
fn directive(option: &str) -> Result<String, ClusterError> {
    if option.chars().any(char::is_control) {
        let what = option.escape_debug().to_string();
        return Err(ClusterError::Unwritable { what, problem: "it has a line break or the like" });
    }
    let plain = |c: char| c.is_alphanumeric() || "_-./:=,@%+".contains(c);
    if option.chars().all(plain) {
        return Ok(option.to_owned());
    }
    let (name, value) = option.split_once('=').unwrap_or(("", option));
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    let equals = if name.is_empty() { "" } else { "=" };
    Ok(format!("{name}{equals}\"{value}\""))
}

fn text(path: &Path) -> Result<&str, ClusterError> {
    let problem = "it is not UTF-8";
    path.to_str()
        .ok_or_else(|| ClusterError::Unwritable { what: path.display().to_string(), problem })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::file::Analysis;
    use crate::analysis::run::division::Division;

    fn launch() -> Launch {
        Launch {
            program: "/opt/field scope/fieldscope".into(),
            folder: "/home/a".into(),
            file: "it's.toml".into(),
            out: None,
            shards: NonZeroUsize::new(4).unwrap(),
            resources: ClusterPart::default(),
            remove_parts: false,
            logs: "/home/a/100 %/logs".into(),
        }
    }

    fn work() -> DividedWork {
        let text = "title = \"T\"\ninit = \"random\"\n[[networks]]\nlabel = \"A b\\ntouch x\"\n\
                    arch = \"resnet18\"\n[erf]\nimages = [\"i\"]\n";
        let analysis = Analysis::parse(text, "study.toml", Path::new("")).unwrap();
        Division::new(&analysis, NonZeroUsize::MIN).works.remove(0)
    }

    #[test]
    fn an_array_job_starts_the_program_with_its_number() {
        let script = launch().array(&work(), 8, false).unwrap();
        let expected = "#!/bin/bash\n\
            # ERF of A b touch x, a share a task\n\
            #SBATCH --job-name=fieldscope-erf-A_b_touch_x\n\
            #SBATCH --chdir=/home/a\n\
            #SBATCH --output=\"/home/a/100 %%/logs/erf-A_b_touch_x-%a.log\"\n\
            #SBATCH --open-mode=append\n\
            #SBATCH --requeue\n\
            #SBATCH --cpus-per-task=1\n\
            set -e\n\
            exec '/opt/field scope/fieldscope' run --shards 4 --threads 1 \
            --task \"$((8 + SLURM_ARRAY_TASK_ID))\" -- \"it's.toml\"\n";
        assert_eq!(script, expected);
        let forced = launch().array(&work(), 8, true).unwrap();
        assert_eq!(forced, expected.replace(" --task", " --force --task"));
    }

    #[test]
    fn what_is_asked_for_is_passed_through() {
        let resources = ClusterPart {
            partition: Some("gpu".to_owned()),
            time: Some("1-12:00:00".to_owned()),
            memory: Some("16G".to_owned()),
            cpus: Some(8),
            gpus: Some(1),
            account: Some("lab #7".to_owned()),
            setup: Some("module load cuda\nexport A='b c'\n".to_owned()),
            options: vec!["--qos=low".to_owned(), "--comment=a \\ \"b\"".to_owned()],
        };
        let out = Some("out $HOME".into());
        let script = Launch { resources, out, remove_parts: true, ..launch() }.merge().unwrap();
        for line in [
            "#SBATCH --partition=gpu",
            "#SBATCH --time=1-12:00:00",
            "#SBATCH --mem=16G",
            "#SBATCH --cpus-per-task=8",
            "#SBATCH --gpus=1",
            "#SBATCH --account=\"lab #7\"",
            "#SBATCH --qos=low",
            "#SBATCH --comment=\"a \\\\ \\\"b\\\"\"",
            "#SBATCH --output=\"/home/a/100 %%/logs/merge.log\"",
            "module load cuda",
            "export A='b c'",
            "exec '/opt/field scope/fieldscope' run --shards 4 --threads 8 --out 'out $HOME' --merge \
             --remove-parts -- \"it's.toml\"",
        ] {
            assert!(script.lines().any(|found| found == line), "{line} is not in\n{script}");
        }
        assert!(!script.contains("\n\n") && script.ends_with(".toml\"\n"), "{script}");
    }

    #[test]
    fn a_line_break_never_gets_into_a_directive() {
        let folder = "/home/a\n#SBATCH --uid=0".into();
        let message = Launch { folder, ..launch() }.merge().unwrap_err().to_string();
        assert!(message.contains("line break"), "{message}");
    }

    /// A shell reads back what was written.
    #[test]
    fn quoted_words_are_what_a_shell_reads() {
        let words =
            ["a b", "it's", "$HOME", "`x`", "\"", "\\", "*", "", "größe", "-n", "a\nb", "!"];
        let script = format!("printf '%s\\0' {}", quote(&words).unwrap());
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        let read = String::from_utf8(output.stdout).unwrap();
        assert_eq!(read.split_terminator('\0').collect::<Vec<_>>(), words);
    }
}
