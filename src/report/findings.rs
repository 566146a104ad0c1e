//! What was found, in plain sentences from results.

use super::prose::{Paragraph, enumerate};
use super::spearman::{FEWEST, Spearman, spearman};
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
    let first = known.first()?;
    let mut paragraph = Paragraph::default();
    if known.len() == 1 {
        paragraph
            .text(format!("Half of log10(map + 1) of {} lies in a centred square over ", first.0));
        paragraph.number(percent(first.1), first.1, ratio_pointer(first.2)).text(" of the map.");
    } else if study.comparable {
        farthest(&mut paragraph, &known);
    } else {
        paragraph.text(
            "The ERF maps differ in input size, layer or unit, so networks aren't ranked by how far they \
             see.",
        );
    }
    Some(paragraph)
}

/// Who sees the farthest and who the least far, of several by falling ratio; all that tie are named.
fn farthest(paragraph: &mut Paragraph, known: &[(&str, f64, &ErfEntry)]) {
    let [first, .., last] = known else { return };
    let tied = |ratio: f64| -> Vec<&str> {
        known.iter().filter(|one| one.1 == ratio).map(|one| one.0).collect()
    };
    let verb = |names: &[&str]| if names.len() == 1 { "sees" } else { "see" };
    let (most, least) = (tied(first.1), tied(last.1));
    if first.1 == last.1 {
        paragraph.text(format!("{} see equally far: r(50 %) is ", enumerate(&most)));
        paragraph.number(percent(first.1), first.1, ratio_pointer(first.2)).text(" of the map.");
        return;
    }
    paragraph.text(format!("{} {} the farthest: r(50 %) is ", enumerate(&most), verb(&most)));
    let [high, low] = told_apart([first.1, last.1]);
    paragraph.number(high, first.1, ratio_pointer(first.2)).text(" of the map, against ");
    paragraph.number(low, last.1, ratio_pointer(last.2));
    paragraph.text(format!(" for {}, which {} the least far.", enumerate(&least), verb(&least)));
}

/// Two different shares in per cent, with as many decimals as show that they differ.
fn told_apart(shares: [f64; 2]) -> [String; 2] {
    let shown = shares.map(percent);
    if shown[0] != shown[1] {
        return shown;
    }
    let at = |decimals: usize| shares.map(|share| format!("{:.decimals$} %", 100.0 * share));
    (2..6).map(at).find(|[a, b]| a != b).unwrap_or_else(|| at(6))
}

fn decisions(study: &Study) -> Option<Paragraph> {
    let mut known: Vec<(f64, &ObserverEntry)> = study
        .network_observers()
        .filter(|entry| !entry.result.untrained)
        .filter_map(|entry| Some((entry.result.overall.shape_bias?, entry)))
        .collect();
    known.sort_by(|a, b| b.0.total_cmp(&a.0));
    let ((highest, first), lowest) = (*known.first()?, known.last()?.0);
    let tied = |value: f64| -> Vec<&ObserverEntry> {
        known.iter().filter(|one| one.0 == value).map(|one| one.1).collect()
    };
    let mut paragraph = Paragraph::default();
    if known.len() == 1 {
        paragraph.text(format!("{} has a shape bias of ", first.result.label));
        bias(&mut paragraph, study, first);
    } else if highest == lowest {
        paragraph.text("Shape bias is the same for ");
        biases(&mut paragraph, study, &tied(highest));
    } else {
        paragraph.text("Shape bias is highest for ");
        biases(&mut paragraph, study, &tied(highest));
        paragraph.text(" and lowest for ");
        biases(&mut paragraph, study, &tied(lowest));
    }
    if let Some(humans) = study.humans().filter(|entry| entry.result.overall.shape_bias.is_some()) {
        paragraph.text("; humans have ");
        bias(&mut paragraph, study, humans);
    }
    paragraph.text(".");
    Some(paragraph)
}

/// "a (0.500), b (0.500) and c (0.500)".
fn biases(paragraph: &mut Paragraph, study: &Study, entries: &[&ObserverEntry]) {
    for (index, entry) in entries.iter().enumerate() {
        let joint = match index {
            0 => "",
            _ if index + 1 == entries.len() => " and ",
            _ => ", ",
        };
        paragraph.text(format!("{joint}{} (", entry.result.label));
        bias(paragraph, study, entry);
        paragraph.text(")");
    }
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
            let reason = no_correlation(study);
            let noun = if pairs == 1 { "trained network has" } else { "trained networks have" };
            paragraph
                .count(pairs, source)
                .text(format!(" {noun} both an area ratio and a shape bias; {reason}."));
        }
    }
    Some(paragraph)
}

/// Why there is no correlation.
fn no_correlation(study: &Study) -> &'static str {
    let pairs = study.pairs();
    let same = |values: Vec<f64>| values.windows(2).all(|pair| pair[0] == pair[1]);
    if !study.comparable {
        "since their maps can't be compared, no correlation is given"
    } else if pairs.len() < FEWEST {
        "at least 5 are needed for a correlation of r(50 %) with shape bias"
    } else if same(pairs.iter().map(|pair| pair.1).collect()) {
        "since r(50 %) is the same for all, there is no correlation to give"
    } else {
        "since shape bias is the same for all, there is no correlation to give"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::check::{erf, network, people, study};
    use crate::shapebias::result::ObserverKind;

    fn sentences(study: &Study) -> Vec<String> {
        let plain = |paragraph: &Paragraph| {
            paragraph.render(str::to_owned, |shown, _| shown.to_owned(), |_| String::new())
        };
        findings(study).iter().map(plain).collect()
    }

    #[test]
    fn all_that_tie_are_named() {
        let fields = [("a", 0.5), ("b", 0.125), ("c", 0.5), ("d", 0.125), ("e", 0.2)];
        let fields = fields.map(|(label, ratio)| erf(label, "features", ratio)).to_vec();
        let observers = vec![
            network("a", 1, 1),
            network("b", 2, 2),
            network("c", 1, 3),
            people("humans", ObserverKind::Humans, 3, 1),
        ];
        let found = sentences(&study(fields, observers));
        assert_eq!(
            found[0],
            "a and c see the farthest: r(50 %) is 50.0 % of the map, against 12.5 % for b and d, \
             which see the least far."
        );
        assert_eq!(
            found[1],
            "Shape bias is highest for a (0.500 over 2 of 4 conflict stimuli) and b (0.500) and \
             lowest for c (0.250); humans have 0.750."
        );
    }

    #[test]
    fn those_that_are_all_equal_are_not_ranked_and_not_correlated() {
        let labels = ["a", "b", "c", "d", "e"];
        let fields = || labels.map(|label| erf(label, "features", 0.125)).to_vec();
        let observers = labels.map(|label| network(label, 1, label.len())).to_vec();
        let found = sentences(&study(fields(), observers));
        assert_eq!(found[0], "a, b, c, d and e see equally far: r(50 %) is 12.5 % of the map.");
        assert!(found[1].starts_with("Shape bias is the same for a (0.500), b (0.500)"));
        assert!(
            found[2]
                .ends_with("since r(50 %) is the same for all, there is no correlation to give.")
        );
        let mut fields = fields();
        fields[0].result.area_ratios[0].ratio = 0.1251;
        let observers = labels.map(|label| network(label, 1, 1)).to_vec();
        let found = sentences(&study(fields, observers));
        assert!(
            found[0]
                .contains("is 12.51 % of the map, against 12.50 % for b, c, d and e, which see")
        );
        assert!(found[2].contains("since shape bias is the same for all"), "{found:?}");
        let few = study(vec![erf("a", "features", 0.5)], vec![network("a", 1, 1)]);
        assert!(sentences(&few)[2].contains("at least 5 are needed"));
    }
}
