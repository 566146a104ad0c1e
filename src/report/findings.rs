//! What was found, in plain sentences from results.

use super::prose::Paragraph;
use super::spearman::{Spearman, spearman};
use super::study::{BiasEntry, ErfEntry, Network, ObserverEntry, SUMMARY_SHARE, Study};

/// The rank correlation of r(50 %) and shape bias; nothing where maps can't be compared or networks
/// are too few.
pub fn correlation(study: &Study) -> Option<Spearman> {
    if !study.comparable {
        return None;
    }
    let pairs: Vec<(f64, f64)> = study.pairs().into_iter().map(|(_, r, bias)| (r, bias)).collect();
    spearman(&pairs)
}

/// The main findings: extremes of r(50 %) and of shape bias, people, and their correlation.
pub fn findings(study: &Study) -> Vec<Paragraph> {
    [reach(study), decisions(study), relation(study)].into_iter().flatten().collect()
}

fn trained<'a>(study: &'a Study) -> impl Iterator<Item = Network<'a>> {
    study.networks().into_iter().filter(|network| !network.untrained())
}

fn percent(share: f64) -> String {
    let decimals = if share < 0.01 { 2 } else { 1 };
    format!("{:.decimals$} %", 100.0 * share)
}

fn ratio_pointer(erf: &ErfEntry) -> String {
    let ratios = &erf.result.area_ratios;
    let place = ratios.iter().position(|r| (r.threshold - SUMMARY_SHARE).abs() < 1e-9);
    format!("{}#/area_ratios/{}/ratio", erf.source, place.unwrap_or_default())
}

fn reach(study: &Study) -> Option<Paragraph> {
    let mut known: Vec<(&str, f64, &ErfEntry)> = trained(study)
        .filter_map(|network| {
            let erf = network.erf?;
            Some((network.label, erf.summary_ratio()?.ratio, erf))
        })
        .collect();
    known.sort_by(|a, b| b.1.total_cmp(&a.1));
    let (first, last) = (known.first()?, known.last()?);
    let mut paragraph = Paragraph::default();
    if known.len() == 1 {
        paragraph
            .text(format!("Half of log10(map + 1) of {} lies in a centred square over ", first.0));
        paragraph.number(percent(first.1), first.1, ratio_pointer(first.2)).text(" of the map.");
    } else if study.comparable {
        paragraph.text(format!("{} sees the farthest: r(50 %) is ", first.0));
        paragraph.number(percent(first.1), first.1, ratio_pointer(first.2));
        paragraph.text(" of the map, against ");
        paragraph.number(percent(last.1), last.1, ratio_pointer(last.2));
        paragraph.text(format!(" for {}, which sees the least far.", last.0));
    } else {
        paragraph.text(
            "The ERF maps differ in input size or layer, so networks aren't ranked by how far they \
             see.",
        );
    }
    Some(paragraph)
}

fn decisions(study: &Study) -> Option<Paragraph> {
    let mut known: Vec<(f64, &ObserverEntry)> = study
        .network_observers()
        .filter(|entry| !entry.result.untrained)
        .filter_map(|entry| Some((entry.result.overall.shape_bias?, entry)))
        .collect();
    known.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (first, last) = (known.first()?.1, known.last()?.1);
    let mut paragraph = Paragraph::default();
    if known.len() == 1 {
        paragraph.text(format!("{} has a shape bias of ", first.result.label));
        bias(&mut paragraph, study, first);
    } else {
        paragraph.text(format!("Shape bias is highest for {} (", first.result.label));
        bias(&mut paragraph, study, first);
        paragraph.text(format!(") and lowest for {} (", last.result.label));
        bias(&mut paragraph, study, last);
        paragraph.text(")");
    }
    if let Some(humans) = study.humans().filter(|entry| entry.result.overall.shape_bias.is_some()) {
        paragraph.text("; humans have ");
        bias(&mut paragraph, study, humans);
    }
    paragraph.text(".");
    Some(paragraph)
}

/// An observer's shape bias, and of how many stimuli it is where that isn't of all.
fn bias(paragraph: &mut Paragraph, study: &Study, entry: &ObserverEntry) {
    let BiasEntry { result, source } = &study.biases[entry.run];
    let overall = &entry.result.overall;
    let Some(value) = overall.shape_bias else { return };
    let pointer = format!("{source}#/observers/{}/overall", entry.index);
    paragraph.number(format!("{value:.3}"), value, format!("{pointer}/shape_bias"));
    if overall.conflict_trials < result.conflict_stimuli {
        let all = format!("{source}#/conflict_stimuli");
        paragraph
            .text(" over ")
            .count(overall.conflict_trials, format!("{pointer}/conflict_trials"));
        paragraph.text(" of ").count(result.conflict_stimuli, all).text(" conflict stimuli");
    }
}

fn relation(study: &Study) -> Option<Paragraph> {
    let pairs = study.pairs().len();
    if pairs == 0 {
        return None;
    }
    let mut paragraph = Paragraph::default();
    let source = "tables/summary.csv";
    match correlation(study) {
        Some(Spearman { rho, interval, pairs }) => {
            paragraph.text("Over the ").count(pairs, source);
            paragraph.text(
                " trained networks with both, Spearman's ρ between r(50 %) and shape bias is ",
            );
            paragraph.number(format!("{rho:.2}"), rho, source);
            if let Some([low, high]) = interval {
                paragraph.text(" (95 % interval ").number(format!("{low:.2}"), low, source);
                paragraph.text(" to ").number(format!("{high:.2}"), high, source).text(")");
            }
            paragraph.text(".");
        }
        None => {
            let reason = if study.comparable {
                "at least 5 are needed for a correlation of r(50 %) with shape bias"
            } else {
                "since their maps can't be compared, no correlation is given"
            };
            let noun = if pairs == 1 { "trained network has" } else { "trained networks have" };
            paragraph
                .count(pairs, source)
                .text(format!(" {noun} both an area ratio and a shape bias; {reason}."));
        }
    }
    Some(paragraph)
}
