//! Each network by how far it sees and what it looks at.

use super::cells::{KAPPA_WITH_HUMANS, bias, marked, ratio};
use super::table::{ABSENT, Cell, Table};
use crate::report::study::{ErfEntry, Network, Scope, Study};

/// Networks by r(50 %), then by shape bias; people last.
pub fn summary(study: &Study) -> Table {
    let mut table = Table::new(
        "summary",
        "Summary",
    )
    .saying(
        &["r50"],
        "r(50 %): area of the smallest centred square that holds half of log10(map + 1), as a share \
         of the map (Ding et al. 2022).",
    )
    .saying(
        &["m50"],
        "m(50 %): area of the smallest centred square that holds half of the map itself.",
    )
    .saying_of_intervals(
        &["r50", "m50"],
        "Intervals of area ratios: 95 %, delete-group jackknife over images.",
    )
    .saying(
        &["shape_bias"],
        "Shape bias: correct shape decisions among correct shape and texture decisions on \
         cue-conflict images (Geirhos et al. 2019).",
    )
    .saying_of_intervals(
        &["shape_bias"],
        "Intervals of shape bias: 95 %, bootstrap over stimuli.",
    )
    .saying(&["consistency_with_humans"], KAPPA_WITH_HUMANS)
    .saying(&["macs"], macs(study))
    .column("label", "network", None, false)
    .column("r50", "r(50 %)", Some("%"), true)
    .column("m50", "m(50 %)", Some("%"), true)
    .column("shape_bias", "shape bias", None, true)
    .column("consistency_with_humans", "κ with humans", None, true)
    .column("parameters", "parameters", Some("M"), true)
    .column("macs", "MACs", Some("G"), true);
    let mut networks = study.networks();
    let key = |network: &Network<'_>| {
        let ratio = network.erf.and_then(ErfEntry::summary_ratio).map(|ratio| ratio.ratio);
        let bias = network.observer.and_then(|entry| entry.result.overall.shape_bias);
        (ratio.unwrap_or(-1.0), bias.unwrap_or(-1.0))
    };
    networks.sort_by(|a, b| {
        let (a, b) = (key(a), key(b));
        b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1))
    });
    for network in &networks {
        let erf = network.erf;
        let mass = erf.and_then(|erf| {
            erf.result.mass_ratios.iter().find(|ratio| (ratio.threshold - 0.5).abs() < 1e-9)
        });
        let observer = network.observer.map(|entry| &entry.result);
        let cost = network.cost;
        table.row(
            &[network.label],
            !network.untrained(),
            vec![
                Cell::text(marked(network.label, network.untrained())),
                ratio(erf.and_then(ErfEntry::summary_ratio)),
                ratio(mass),
                observer.map_or_else(|| Cell::text(ABSENT), |o| bias(&o.overall)),
                Cell::number(observer.and_then(|o| o.consistency_with_humans), 1.0, 3),
                Cell::number(cost.map(|cost| cost.cost.parameters as f64), 1e-6, 1),
                Cell::number(cost.map(|cost| cost.cost.macs() as f64), 1e-9, 2),
            ],
        );
    }
    if let Some(humans) = study.humans() {
        let mut cells = vec![Cell::text(ABSENT); 7];
        cells[0] = Cell::text(&humans.result.label);
        cells[3] = bias(&humans.result.overall);
        cells[4] = Cell::number(humans.result.consistency_with_humans, 1.0, 3);
        table.row(&[&humans.result.label], false, cells);
    }
    if study.comparable {
        table.mark_largest("r50");
        table.mark_largest("m50");
    }
    table.mark_largest("shape_bias");
    table.saying(&["r50", "m50"], study.mixture()).attach(study, Scope::All)
}

/// What MACs are, and of which size of input.
fn macs(study: &Study) -> String {
    let mut sizes: Vec<usize> = study.costs.iter().map(|cost| cost.size).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let size = match sizes.as_slice() {
        [size] => format!("of {size} × {size} pixels"),
        _ => "of the size that the table of costs gives".to_owned(),
    };
    format!("MACs: multiply-accumulate operations for one image {size}.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::check::{erf, network, study};
    use crate::report::cost::{Count, ErfCount, NetworkCost};

    fn caption(study: &Study) -> String {
        summary(study).without_empty_columns().caption()
    }

    #[test]
    fn the_caption_explains_what_is_shown() {
        let fields = caption(&study(vec![erf("net", "features", 0.5)], Vec::new()));
        assert!(fields.starts_with("r(50 %): ") && fields.contains("m(50 %): "), "{fields}");
        for absent in ["hape bias", "κ", "MACs", "Intervals"] {
            assert!(!fields.contains(absent), "{fields}");
        }
        let decisions = caption(&study(Vec::new(), vec![network("net", 3, 1)]));
        assert!(decisions.starts_with("Shape bias: "), "{decisions}");
        assert!(!decisions.contains("(50 %)"), "{decisions}");
        let mut decided = network("net", 3, 1);
        decided.overall.interval = Some([0.7, 0.8]);
        let decisions = caption(&study(Vec::new(), vec![decided]));
        assert!(decisions.ends_with("Intervals of shape bias: 95 %, bootstrap over stimuli."));
    }

    #[test]
    fn macs_are_of_the_size_that_they_were_counted_at() {
        let cost = |label: &str, size: usize| {
            let count = Count { parameters: 1, weight_macs: 1, attention_macs: 0 };
            NetworkCost {
                label: label.to_owned(),
                architecture: "demo_vit".to_owned(),
                size,
                cost: count,
                merged: count,
                erf: ErfCount { whole_macs: 1, window_macs: 1 },
                source: String::new(),
                index: 0,
            }
        };
        let mut study = study(vec![erf("net", "features", 0.5)], Vec::new());
        study.costs = vec![cost("net", 224), cost("other", 224)];
        assert!(caption(&study).ends_with("for one image of 224 × 224 pixels."));
        study.costs[1].size = 384;
        assert!(
            caption(&study).ends_with("for one image of the size that the table of costs gives.")
        );
    }
}
