//! What has to be said about the results of a study.

use std::collections::BTreeMap;
use std::path::Path;

use crate::report::study::{BiasEntry, ErfEntry, Scope, Study, Warning};
use crate::shapebias::result::Issue;
use crate::store::safe_file_name;

/// Issues of one kind and observer that are shown one by one.
const SHOWN_ISSUES: usize = 2;

/// Untrained networks and images that were left out.
pub fn of_networks(study: &mut Study) {
    let mut warnings = Vec::new();
    for network in study.networks() {
        if network.untrained() {
            warnings.push(Warning {
                about: Some(network.label.to_owned()),
                scope: Scope::All,
                text: format!(
                    "{} is untrained: its values come from random initialisation or a formula, and \
                     say nothing of the trained network. It takes no part in correlations and is \
                     never marked as best.",
                    network.label
                ),
            });
        }
        let Some(erf) = network.erf else { continue };
        if erf.map.is_none() {
            let name = format!("{}.npy", safe_file_name(&erf.network));
            let path = Path::new(&erf.source).with_file_name(name);
            warnings.push(Warning {
                about: Some(network.label.to_owned()),
                scope: Scope::Erf,
                text: format!("The map file {} is missing: there is no heatmap.", path.display()),
            });
        }
        let skipped = &erf.result.images_skipped;
        if let Some(first) = skipped.first() {
            warnings.push(Warning {
                about: Some(network.label.to_owned()),
                scope: Scope::Erf,
                text: format!(
                    "{}: {} left out of the mean, such as {} ({}).",
                    network.label,
                    counted(skipped.len(), "image was", "images were"),
                    first.path,
                    first.reason
                ),
            });
        }
    }
    study.warnings.extend(warnings);
}

/// "1 image was", "3 images were".
fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// Settings that differ between results that stand side by side.
pub fn of_mixtures(study: &mut Study) {
    let measured = |erf: &&ErfEntry| erf.result.architecture != "map";
    let sizes = groups(study.erfs.iter(), |erf| {
        let [height, width] = erf.result.size;
        format!("{height} x {width}")
    });
    let layers = groups(study.erfs.iter().filter(measured), |erf| erf.result.layer.clone());
    let units = groups(study.erfs.iter().filter(measured), ErfEntry::unit);
    let images = groups(study.erfs.iter().filter(measured), |erf| {
        let list = erf.result.provenance.images.as_ref();
        let digest = list.map_or("unknown", |list| list.sha256.get(..8).unwrap_or(&list.sha256));
        format!("{} images (list {digest})", erf.result.images_used)
    });
    let existing = groups(study.erfs.iter(), |erf| {
        let kind = if measured(&erf) { "measured in a run" } else { "existing maps" };
        kind.to_owned()
    });
    let mixtures = [
        (
            &sizes,
            "input sizes",
            "Area ratios are shares of the map, so they can't be compared \
          across sizes: no network is marked as best, and no correlation is given.",
        ),
        (
            &layers,
            "layers",
            "Area ratios of different layers can't be compared: no network is \
          marked as best, and no correlation is given.",
        ),
        (
            &units,
            "units",
            "Area ratios of different units can't be compared: no network is \
          marked as best, and no correlation is given.",
        ),
        (&images, "images", "Compare these maps with care."),
        (
            &existing,
            "sources",
            "How existing maps were made is not known here: the images, the \
          layer and the scale may be others. Compare with care.",
        ),
    ];
    for (groups, what, consequence) in mixtures {
        if groups.len() > 1 {
            let text = format!("ERF maps of different {what}: {}. {consequence}", listed(groups));
            study.warnings.push(Warning { about: None, scope: Scope::Erf, text });
        }
    }
    study.comparable = [&sizes, &layers, &units].iter().all(|groups| groups.len() <= 1);
    let stimuli = groups(study.biases.iter(), |bias| {
        format!("{} conflict stimuli", bias.result.conflict_stimuli)
    });
    if stimuli.len() > 1 {
        let text = format!(
            "The shape-bias runs used different stimuli: {}. Compare with care.",
            listed(&stimuli)
        );
        study.warnings.push(Warning { about: None, scope: Scope::ShapeBias, text });
    }
}

/// What has a name in a list of groups.
trait Named {
    fn name(&self) -> &str;
}

impl Named for ErfEntry {
    fn name(&self) -> &str {
        &self.result.label
    }
}

impl Named for BiasEntry {
    fn name(&self) -> &str {
        &self.source
    }
}

/// Names by setting.
fn groups<'a, T: Named + 'a>(
    entries: impl Iterator<Item = &'a T>,
    setting: impl Fn(&T) -> String,
) -> BTreeMap<String, Vec<String>> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in entries {
        groups.entry(setting(entry)).or_default().push(entry.name().to_owned());
    }
    groups
}

fn listed(groups: &BTreeMap<String, Vec<String>>) -> String {
    let group =
        |(setting, names): (&String, &Vec<String>)| format!("{setting} ({})", names.join(", "));
    groups.iter().map(group).collect::<Vec<_>>().join("; ")
}

/// What shape-bias runs have noted, a few of each kind and observer.
pub fn of_issues(study: &mut Study) {
    let mut warnings = Vec::new();
    for (run, bias) in study.biases.iter().enumerate() {
        let mut kinds: Vec<Vec<&Issue>> = Vec::new();
        for issue in &bias.result.issues {
            let alike = |known: &&mut Vec<&Issue>| {
                known[0].kind == issue.kind && known[0].observer == issue.observer
            };
            match kinds.iter_mut().find(alike) {
                Some(known) => known.push(issue),
                None => kinds.push(vec![issue]),
            }
        }
        for issues in kinds {
            let observer = issues[0].observer.as_ref();
            let about = observer.map(|label| study.label_of(run, label).to_owned());
            let mut say = |text: String| {
                warnings.push(Warning { about: about.clone(), scope: Scope::ShapeBias, text });
            };
            issues.iter().take(SHOWN_ISSUES).for_each(|issue| say(sentence(&issue.message)));
            let more = issues.len().saturating_sub(SHOWN_ISSUES);
            if more > 0 {
                let noun = if more == 1 { "note" } else { "notes" };
                let verb = if more == 1 { "is" } else { "are" };
                say(format!("{more} more {noun} of this kind {verb} in {}.", bias.source));
            }
        }
    }
    study.warnings.extend(warnings);
}

/// The message with a full stop, and with a capital unless it begins with a name or a path.
fn sentence(message: &str) -> String {
    let message = message.trim_end_matches('.');
    match message.strip_prefix("the ") {
        Some(rest) => format!("The {rest}."),
        None => format!("{message}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::check::{erf, study};
    use crate::shapebias::result::IssueKind;

    #[test]
    fn what_is_left_out_of_a_kind_follows_that_kind() {
        let issue = |kind: IssueKind, line: u64| Issue {
            kind,
            observer: None,
            file: None,
            line: Some(line),
            stimuli: Vec::new(),
            message: format!("{kind:?} {line}"),
        };
        let mut study = study(Vec::new(), Vec::new());
        study.biases[0].result.issues = (1..=4)
            .map(|line| issue(IssueKind::MalformedRow, line))
            .chain([issue(IssueKind::UnknownCategory, 1)])
            .chain((5..=6).map(|line| issue(IssueKind::MalformedRow, line)))
            .collect();
        of_issues(&mut study);
        let texts: Vec<&str> = study.warnings.iter().map(|warning| warning.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "MalformedRow 1.",
                "MalformedRow 2.",
                "4 more notes of this kind are in sb/shapebias.json.",
                "UnknownCategory 1.",
            ]
        );
    }

    #[test]
    fn fields_of_different_units_are_not_compared() {
        let at = |label: &str, unit: [usize; 2], around: Option<[usize; 2]>| {
            let mut erf = erf(label, "features", 0.5);
            (erf.result.unit, erf.result.around) = (Some(unit), around);
            erf
        };
        let comparable = |erfs: Vec<ErfEntry>| {
            let mut study = study(erfs, Vec::new());
            of_mixtures(&mut study);
            (study.comparable, study.warnings)
        };
        // Each network's centre unit, which on feature maps of other sizes is another.
        let (same, warnings) = comparable(vec![at("a", [4, 4], None), at("b", [7, 7], None)]);
        assert!(same && warnings.is_empty());
        let corner = |label| at(label, [0, 0], Some([8, 8]));
        assert_eq!(study(vec![at("a", [4, 4], None)], Vec::new()).off_centre(), "");
        assert!(study(vec![corner("a")], Vec::new()).off_centre().contains("end at the border"));
        assert!(comparable(vec![corner("a"), corner("b")]).0);
        let (same, warnings) = comparable(vec![at("a", [4, 4], None), corner("b")]);
        assert!(!same);
        assert!(
            warnings[0].text.starts_with(
                "ERF maps of different units: the centre unit (a); unit (0, 0) (b). Area ratios"
            ),
            "{warnings:?}"
        );
    }
}
