//! Each network by how far it sees and what it looks at.

use super::cells::{bias, marked, ratio};
use super::table::{ABSENT, Cell, Table};
use crate::report::study::{ErfEntry, Network, Scope, Study};

/// Networks by r(50 %), then by shape bias; people last.
pub fn summary(study: &Study) -> Table {
    let mut table = Table::new(
        "summary",
        "Summary",
        "r(50 %): area of the smallest centred square that holds half of log10(map + 1), as a share \
         of the map (Ding et al. 2022). Shape bias: correct shape decisions among correct shape and \
         texture decisions on cue-conflict images (Geirhos et al. 2019).",
    )
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
    if !study.erfs.is_empty() {
        table.caption.push_str(study.mixture());
    }
    table.attach(study, Scope::All)
}
