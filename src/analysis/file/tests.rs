//! What an analysis file says, and what is said of a wrong one.

use super::*;

fn parse(text: &str) -> Result<Analysis, String> {
    Analysis::parse(text, "study.toml", Path::new("folder")).map_err(|error| error.to_string())
}

fn complaint(text: &str) -> String {
    parse(text).map(|_| ()).unwrap_err()
}

const GOOD: &str =
    "title = \"T\"\n\n[[networks]]\nlabel = \"A\"\nmap = \"a.npy\"\n\n[erf]\nsize = 64\n";

#[test]
fn paths_are_relative_to_the_file_and_defaults_are_the_papers() {
    let analysis = parse(GOOD).unwrap();
    assert_eq!(analysis.networks[0].map.as_deref(), Some(Path::new("folder/a.npy")));
    let erf = analysis.erf.unwrap();
    assert_eq!((erf.size, erf.num_images), (64, 50));
    assert_eq!(erf.save_every, Duration::from_secs(20));
    let erf = parse(&GOOD.replace("size", "save_every = 50\nsize")).unwrap().erf.unwrap();
    assert_eq!(erf.save_every, Duration::from_secs(50));
    assert_eq!(analysis.out, Path::new("folder/T"));
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_one() {
    let text = GOOD.replace("size = 64", "sise = 64");
    assert_eq!(
        complaint(&text),
        "study.toml, line 8: unknown key `sise` in [erf]; did you mean `size`?"
    );
    let text = GOOD.replace("map =", "mapp =");
    let message = complaint(&text);
    assert!(
        message.contains("line 5: unknown key `mapp` in [[networks]]; did you mean `map`?"),
        "{message}"
    );
    let text = format!("{GOOD}\n[report.captions]\nscater = \"x\"\n");
    let message = complaint(&text);
    assert!(message.contains("line 11: unknown key `scater`"), "{message}");
    assert!(message.contains("did you mean `scatter`?"), "{message}");
}

#[test]
fn a_wrong_value_is_named_with_its_line_and_key() {
    let message = complaint(&GOOD.replace("64", "\"big\""));
    assert!(message.starts_with("study.toml, line 8: key `size`: "), "{message}");
    let message = complaint(&GOOD.replace("map = \"a.npy\"", "arch = \"resnet51\""));
    assert!(
        message.starts_with(
            "study.toml, line 5: key `arch`: \"resnet51\" is unknown; did you mean `resnet"
        ),
        "{message}"
    );
    let message = complaint(&GOOD.replace("a.npy", "${FIELDSCOPE_NO_SUCH_VARIABLE}/a.npy"));
    assert!(message.contains("line 5: key `map`: the environment variable"), "{message}");
}

#[test]
fn the_nearest_name_is_that_of_the_likeliest_slip() {
    let message = complaint(&GOOD.replace("map =", "mpa ="));
    assert!(
        message.ends_with("unknown key `mpa` in [[networks]]; did you mean `map`?"),
        "{message}"
    );
    assert_eq!(
        complaint(&GOOD.replace("[erf]", "[erff]")),
        "study.toml, line 7: unknown part `erff`; did you mean `erf`?"
    );
    assert_eq!(
        complaint(&GOOD.replace("[[networks]]", "[[network]]")),
        "study.toml, line 3: unknown part `network`; did you mean `networks`?"
    );
    // A table within a line, and a key with its part before it.
    assert_eq!(
        complaint("title = \"T\"\nnetworks = [{ labl = \"A\" }]\n"),
        "study.toml, line 2: unknown key `labl` in [[networks]]; did you mean `label`?"
    );
    assert_eq!(
        complaint("title = \"T\"\nerf.imags = []\n"),
        "study.toml, line 2: unknown key `imags` in [erf]; did you mean `images`?"
    );
}

#[test]
fn values_of_the_wrong_kind_are_explained_in_words() {
    for (value, expected) in [
        (
            "-4",
            "line 8: key `size`: this value can't be: integer `-4`, expected a whole number from 0",
        ),
        (
            "4.5",
            "line 8: key `size`: this is of the wrong kind: the number `4.5`, expected a whole number",
        ),
    ] {
        let message = complaint(&GOOD.replace("64", value));
        assert!(message.contains(expected), "{message}");
    }
    let message = complaint(&GOOD.replace("size = 64", "images = [\n\"a\",\n3]"));
    assert!(message.contains("line 10: key `images`: this is of the wrong kind"), "{message}");
    let message = complaint(&GOOD.replace("[[networks]]", "[networks]"));
    assert!(message.contains("line 3: each network has a header of its own"), "{message}");
}

#[test]
fn a_column_that_no_table_has_is_refused_before_anything_is_computed() {
    let text = format!("{GOOD}\n[report.columns]\nsummary = [\"r50\", \"shape-bias\"]\n");
    assert_eq!(
        complaint(&text),
        "study.toml, line 11: key `summary`: there is no column `shape-bias`; did you mean \
         `shape_bias`?"
    );
    // Those of this table are the study's observers.
    assert!(parse(&format!("{GOOD}\n[report.columns]\ncategories = [\"A\"]\n")).is_ok());
}

#[test]
fn a_variable_has_a_default() {
    let analysis = parse(&GOOD.replace("a.npy", "${FIELDSCOPE_NO_SUCH_VARIABLE:-maps}/a.npy"));
    assert_eq!(analysis.unwrap().networks[0].map.as_deref(), Some(Path::new("folder/maps/a.npy")));
}

#[test]
fn a_network_without_checkpoint_or_with_another_ones_files_is_refused() {
    let message = complaint(&GOOD.replace("map = \"a.npy\"", "arch = \"resnet50\""));
    assert!(message.contains("line 5") && message.contains("checkpoint"), "{message}");
    let message = complaint(&format!("{GOOD}[[networks]]\nlabel = \"A\"\nmap = \"b.npy\"\n"));
    assert!(message.contains("would share its files with A"), "{message}");
}

#[test]
fn what_a_cluster_gives_is_read_and_its_errors_are_like_the_others() {
    let text = format!(
        "{GOOD}\n[cluster]\npartition = \"gpu\"\ncpus = 4\nsetup = \"module load a\\nb\"\n\
         options = [\"--qos=low\"]\n"
    );
    let cluster = parse(&text).unwrap().cluster;
    assert_eq!((cluster.partition.as_deref(), cluster.cpus), (Some("gpu"), Some(4)));
    assert_eq!(cluster.setup.as_deref(), Some("module load a\nb"));
    assert_eq!((cluster.options, cluster.time), (vec!["--qos=low".to_owned()], None));
    assert_eq!(parse(GOOD).unwrap().cluster, ClusterPart::default());
    assert_eq!(
        complaint(&text.replace("partition", "partitions")),
        "study.toml, line 11: unknown key `partitions` in [cluster]; did you mean `partition`?"
    );
    let message = complaint(&text.replace("cpus = 4", "cpus = 0"));
    assert!(message.contains("line 10: `cpus` is at least 1"), "{message}");
    let message = complaint(&text.replace("\"gpu\"", "\"gpu\\n#SBATCH --x\""));
    assert!(message.contains("line 11: key `partition`: "), "{message}");
}

#[test]
fn sizes_that_no_command_takes_are_refused() {
    for size in ["0", "16385", "1000000000000"] {
        let message = complaint(&GOOD.replace("64", size));
        assert_eq!(message, "study.toml, line 7: `size` is 1 to 16384 pixels");
        let message = complaint(&format!("{GOOD}\n[inspect]\nsize = {size}\n"));
        assert_eq!(message, "study.toml, line 10: `size` is 1 to 16384 pixels");
    }
    let analysis = parse(&format!("{GOOD}\n[inspect]\nsize = 16384\n")).unwrap();
    assert_eq!(analysis.cost_size, 16_384);
}

#[test]
fn a_checkpoint_is_asked_for_only_where_it_would_be_read() {
    let known = GOOD.replace("map =", "arch = \"resnet101\"\nmap =");
    assert_eq!(parse(&known).unwrap().networks[0].spec.as_ref().unwrap().architecture, "resnet101");
    let shapebias = "\n[shapebias]\ndecisions = [\"d.csv\"]\n";
    parse(&format!("{known}{shapebias}")).unwrap();
    let stimuli = shapebias.replace("decisions = [\"d.csv\"]", "stimuli = \"s\"");
    let message = complaint(&format!("{known}{stimuli}"));
    assert!(message.contains("key `arch`") && message.contains("checkpoint"), "{message}");
    parse(&format!("{known}{stimuli}").replace("map =", "decisions = \"d.csv\"\nmap =")).unwrap();
    let message = complaint(&known.replace("map = \"a.npy\"", "decisions = \"d.csv\""));
    assert!(message.contains("checkpoint"), "{message}");
}
