//! How everything was measured, in plain sentences from results and their provenance.

use super::bibliography;
use super::findings::correlation;
use super::prose::{Paragraph, enumerate};
use super::study::{BiasEntry, ErfEntry, Network, Study};
use crate::shapebias::result::{HUMANS, ObserverKind};
use crate::store::provenance::PreprocessingRecord;

/// How everything was measured, from the provenance.
pub fn methods(study: &Study) -> Vec<Paragraph> {
    let mut paragraphs: Vec<Paragraph> =
        [networks(study), measured(study), existing(study), ratios(study)]
            .into_iter()
            .flatten()
            .collect();
    paragraphs.extend(study.biases.iter().map(bias));
    paragraphs.extend(statistics(study));
    paragraphs
}

/// Which networks, with their papers.
fn networks(study: &Study) -> Option<Paragraph> {
    let all = study.networks();
    let cited = |network: &&Network<'_>| {
        network.architecture().and_then(bibliography::of_architecture).is_some()
    };
    let cited: Vec<&Network<'_>> = all.iter().filter(cited).collect();
    if cited.is_empty() {
        return None;
    }
    let mut paragraph = Paragraph::default();
    paragraph.text("Networks: ");
    for (index, network) in cited.iter().enumerate() {
        paragraph.text(if index == 0 { "" } else { ", " });
        let untrained = if network.untrained() { "untrained" } else { "" };
        let name = network.architecture().unwrap_or_default();
        let name = if name == network.label { "" } else { name };
        let details = [name, untrained]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", ");
        let details = if details.is_empty() { details } else { format!(" ({details})") };
        paragraph.text(format!("{}{details} ", network.label));
        paragraph.cite(
            &bibliography::of_architecture(network.architecture().unwrap_or_default())
                .into_iter()
                .collect::<Vec<_>>(),
        );
    }
    paragraph.text(".");
    Some(paragraph)
}

/// The settings that results of one sentence share.
fn settings(erf: &ErfEntry) -> String {
    let result = &erf.result;
    let provenance = &result.provenance;
    format!(
        "{:?}",
        (
            (result.images_used, result.images_skipped.len(), result.size, &result.layer),
            result.unit,
            (&provenance.preprocessing, &provenance.images, &provenance.device, &provenance.path),
            (&provenance.version, &provenance.libtorch),
        )
    )
}

fn measured(study: &Study) -> Option<Paragraph> {
    let measured: Vec<&ErfEntry> =
        study.erfs.iter().filter(|erf| erf.result.architecture != "map").collect();
    let first = measured.first()?;
    let mut paragraph = Paragraph::default();
    paragraph.text("Effective receptive fields ").cite(&["luo2016erf"]);
    paragraph.text(" are measured with the protocol of the RepLKNet paper ");
    paragraph.cite(&["ding2022replknet"]).text(
        ": the gradient with respect to the input of the sum over channels of the positive part of a \
         feature map at one unit, its negative values set to 0, summed over colour channels and \
         averaged over images. ",
    );
    let mut groups: Vec<(String, Vec<&ErfEntry>)> = Vec::new();
    for erf in &measured {
        let key = settings(erf);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, members)) => members.push(erf),
            None => groups.push((key, vec![erf])),
        }
    }
    let alone = groups.len() == 1 && measured.len() == study.erfs.len();
    for (_, members) in &groups {
        measured_group(&mut paragraph, members, alone);
    }
    let provenance = &first.result.provenance;
    paragraph.text(format!("Computed with fieldscope {}", provenance.version));
    if !provenance.libtorch.is_empty() {
        paragraph.text(format!(" and libtorch {} ", provenance.libtorch));
        paragraph.cite(&["paszke2019pytorch"]);
    }
    paragraph.text(".");
    Some(paragraph)
}

fn measured_group(paragraph: &mut Paragraph, members: &[&ErfEntry], alone: bool) {
    let Some(first) = members.first() else { return };
    let (result, source) = (&first.result, &first.source);
    let labels: Vec<&str> = members.iter().map(|erf| erf.result.label.as_str()).collect();
    let whom = if alone { "every network".to_owned() } else { enumerate(&labels) };
    paragraph.text(format!("For {whom}, the mean is over "));
    paragraph.count(result.images_used, format!("{source}#/images_used")).text(" images");
    let skipped = result.images_skipped.len();
    if skipped > 0 {
        paragraph.text(", without ").count(skipped, format!("{source}#/images_skipped"));
        paragraph.text(" that couldn't be used");
    }
    if let Some(list) = &result.provenance.images {
        let digest = list.sha256.get(..12).unwrap_or(&list.sha256);
        paragraph.text(format!(" (SHA-256 of their list {digest}…)"));
    }
    paragraph.text(" of ").count(result.size[0], format!("{source}#/size/0")).text(" × ");
    paragraph.count(result.size[1], format!("{source}#/size/1")).text(" pixels");
    if let Some(record) = &result.provenance.preprocessing {
        paragraph.text(format!(" ({}; mean ", record.resize));
        numbers(paragraph, record.mean, &format!("{source}#/provenance/preprocessing/mean"));
        paragraph.text(", standard deviation ");
        numbers(paragraph, record.std, &format!("{source}#/provenance/preprocessing/std"));
        paragraph.text(")");
    }
    if let Some([row, column]) = result.unit {
        let layer = match result.layer.as_str() {
            "features" => "the last feature map".to_owned(),
            name => format!("the layer {name}"),
        };
        paragraph.text(", for the unit in row ");
        paragraph.count(row, format!("{source}#/unit/0")).text(" and column ");
        paragraph.count(column, format!("{source}#/unit/1")).text(format!(" (from 0) of {layer}"));
    }
    let how = match result.provenance.path.as_str() {
        "exact" => "in double precision",
        _ => "in single precision",
    };
    let device = &result.provenance.device;
    let place = if device.is_empty() { String::new() } else { format!(" on {device}") };
    paragraph.text(format!(", {how}{place}. "));
}

fn numbers(paragraph: &mut Paragraph, values: [f64; 3], source: &str) {
    for (index, value) in values.into_iter().enumerate() {
        paragraph.text(if index == 0 { "" } else { ", " });
        let shown = format!("{value:.4}");
        let shown = shown.trim_end_matches('0').trim_end_matches('.').to_owned();
        paragraph.number(shown, value, format!("{source}/{index}"));
    }
}

fn existing(study: &Study) -> Option<Paragraph> {
    let existing: Vec<&str> = study
        .erfs
        .iter()
        .filter(|erf| erf.result.architecture == "map")
        .map(|erf| erf.result.label.as_str())
        .collect();
    if existing.is_empty() {
        return None;
    }
    let (noun, verb, their) = match existing.len() {
        1 => ("map", "is an existing file, described as it is", "it was"),
        _ => ("maps", "are existing files, described as they are", "they were"),
    };
    let mut paragraph = Paragraph::default();
    paragraph.text(format!("The ERF {noun} ")).cite(&["luo2016erf"]);
    paragraph.text(format!(
        " of {} {verb}; how {their} made is not recorded in the {noun}.",
        enumerate(&existing)
    ));
    Some(paragraph)
}

fn ratios(study: &Study) -> Option<Paragraph> {
    if study.erfs.is_empty() {
        return None;
    }
    let mut paragraph = Paragraph::default();
    paragraph.text(
        "The area ratio r(t) is the area of the smallest centred square that holds more than the \
         share t of log10(map + 1), over the area of the map ",
    );
    paragraph.cite(&["ding2022replknet"]);
    paragraph.text("; m(t) is the same of the map itself.");
    if !study.off_centre().is_empty() {
        paragraph.text(format!(" {}", study.off_centre()));
    }
    if study.erfs.iter().flat_map(|erf| &erf.result.area_ratios).any(|r| r.interval.is_some()) {
        paragraph.text(" Their 95 % intervals are from a delete-group jackknife over images ");
        paragraph.cite(&["kott2001jackknife"]).text(", with areas interpolated between squares.");
    }
    Some(paragraph)
}

fn bias(entry: &BiasEntry) -> Paragraph {
    let (result, source) = (&entry.result, &entry.source);
    let of_kind = |kind| result.observers.iter().filter(|o| o.kind == kind).count();
    let (networks, people) = (of_kind(ObserverKind::Network), of_kind(ObserverKind::Person));
    let mut paragraph = Paragraph::default();
    let all = format!("{source}#/observers");
    paragraph.text("Shape bias ").cite(&["geirhos2019texture"]).text(" is over ");
    paragraph.count(result.conflict_stimuli, format!("{source}#/conflict_stimuli"));
    paragraph.text(match result.conflict_stimuli {
        1 => " cue-conflict stimulus, the one of ",
        _ => " cue-conflict stimuli, those of ",
    });
    paragraph.count(result.stimuli, format!("{source}#/stimuli"));
    paragraph.text(" whose shape and texture are of different categories (");
    paragraph.count(result.categories.len(), format!("{source}#/categories"));
    paragraph.text(if result.categories.len() == 1 { " category)" } else { " categories)" });
    let groups = [(networks, " network", " networks"), (people, " person", " people")];
    let groups = groups.into_iter().filter(|(count, ..)| *count > 0);
    for (index, (count, one, several)) in groups.enumerate() {
        paragraph.text(if index == 0 { ", answered by " } else { " and " }).count(count, &all);
        paragraph.text(if count == 1 { one } else { several });
    }
    paragraph.text(
        ". Shape bias is the number of correct shape decisions over that of correct shape and correct \
         texture decisions.",
    );
    let humans = result.observers.iter().position(|o| o.label == HUMANS).filter(|_| people == 0);
    if let Some(index) = humans {
        let trials = result.observers[index].overall.conflict_trials;
        paragraph.text(
            " The human figures are those of the observers published with the stimuli, over ",
        );
        paragraph.count(trials, format!("{source}#/observers/{index}/overall/conflict_trials"));
        paragraph.text(" trials on all cue-conflict stimuli of that set.");
    }
    decided(&mut paragraph, entry);
    paragraph.text(" 95 % intervals and p-values are from a bootstrap over stimuli ");
    paragraph.cite(&["efron1993bootstrap"]).text(" with ");
    paragraph.count(result.resamples, format!("{source}#/resamples")).text(" resamples (seed ");
    paragraph.count(result.seed as usize, format!("{source}#/seed")).text(").");
    if result.consistency.labels.len() > 1 {
        paragraph.text(" Error consistency ").cite(&["geirhos2020consistency"]);
        paragraph.text(" is Cohen's kappa ").cite(&["cohen1960kappa"]);
        paragraph.text(" of right and wrong answers.");
    }
    paragraph
}

/// How networks came to their decisions, those of a sentence with the same preprocessing.
fn decided(paragraph: &mut Paragraph, entry: &BiasEntry) {
    let (result, source) = (&entry.result, &entry.source);
    let networks = result.observers.iter().enumerate();
    let networks = networks.filter(|(_, observer)| observer.kind == ObserverKind::Network);
    let (evaluated, read): (Vec<_>, Vec<_>) =
        networks.partition(|(_, observer)| observer.provenance.preprocessing.is_some());
    let mut groups: Vec<(&PreprocessingRecord, usize, Vec<&str>)> = Vec::new();
    for (index, observer) in &evaluated {
        let Some(record) = &observer.provenance.preprocessing else { continue };
        match groups.iter_mut().find(|(known, ..)| *known == record) {
            Some((.., labels)) => labels.push(&observer.label),
            None => groups.push((record, *index, vec![&observer.label])),
        }
    }
    if !groups.is_empty() {
        paragraph.text(
            " A network that is evaluated decides for the category with the largest mean softmax \
             probability over its classes ",
        );
        paragraph.cite(&["geirhos2021partial"]).text(".");
    }
    for (record, index, labels) in &groups {
        let pointer = format!("{source}#/observers/{index}/provenance/preprocessing");
        let whom = if labels.len() == evaluated.len() && read.is_empty() && labels.len() > 1 {
            "every network".to_owned()
        } else {
            enumerate(labels)
        };
        paragraph
            .text(format!(" For {whom}, the stimuli are prepared by {}; mean ", record.resize));
        numbers(paragraph, record.mean, &format!("{pointer}/mean"));
        paragraph.text(", standard deviation ");
        numbers(paragraph, record.std, &format!("{pointer}/std"));
        paragraph.text(".");
    }
    if !read.is_empty() {
        let all = format!("{source}#/observers");
        paragraph.text(" The decisions of ").count(read.len(), all);
        paragraph.text(match read.len() {
            1 => " network are read from a file as they are.",
            _ => " networks are read from files as they are.",
        });
    }
}

fn statistics(study: &Study) -> Option<Paragraph> {
    correlation(study)?;
    let mut paragraph = Paragraph::default();
    paragraph.text("Spearman's rank correlation ").cite(&["spearman1904association"]);
    paragraph.text(" has a 95 % interval by an approximation ").cite(&["bonett2000spearman"]);
    paragraph.text("; with few networks it is wide, and networks are no random sample.");
    Some(paragraph)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::check::{network, people, study};
    use crate::shapebias::result::ObserverResult;

    fn answered(observers: Vec<ObserverResult>) -> String {
        let study = study(Vec::new(), observers);
        let paragraph = bias(&study.biases[0]);
        paragraph.render(str::to_owned, |shown, _| shown.to_owned(), |_| String::new())
    }

    #[test]
    fn nobody_is_counted_who_is_not_there() {
        let person = |label| people(label, ObserverKind::Person, 2, 1);
        let alone = answered(vec![person("subject-01"), person("subject-02")]);
        assert!(alone.contains(" categories), answered by 2 people."), "{alone}");
        let both = answered(vec![network("net", 2, 1), person("subject-01")]);
        assert!(both.contains("answered by 1 network and 1 person."), "{both}");
        let one = answered(vec![network("net", 1, 0)]);
        assert!(one.contains("is over 1 cue-conflict stimulus, the one of "), "{one}");
    }
}
