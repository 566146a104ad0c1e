//! What networks cost.

use super::cells::share;
use super::table::{Cell, Table};
use crate::report::study::Study;

/// Parameters and operations.
pub fn costs(study: &Study) -> Table {
    let mut table = Table::new(
        "cost",
        "Cost",
    )
    .saying(
        &[],
        "Trained parameters and multiply-accumulate operations (MACs) for one image of the input's \
         size; merged: once batch norms are folded and parallel kernels merged.",
    )
    .saying(
        &["window"],
        "Window: share of the MACs up to the features that can reach the centre unit.",
    )
    .column("label", "network", None, false)
    .column("architecture", "architecture", None, false)
    .column("input", "input", Some("px"), true)
    .column("parameters", "parameters", Some("M"), true)
    .column("macs", "MACs", Some("G"), true)
    .column("merged_parameters", "merged parameters", Some("M"), true)
    .column("merged_macs", "merged MACs", Some("G"), true)
    .column("window", "window", Some("%"), true);
    for cost in &study.costs {
        let window = cost.erf.window_macs as f64 / cost.erf.whole_macs.max(1) as f64;
        table.row(
            &[&cost.label],
            false,
            vec![
                Cell::text(&cost.label),
                Cell::text(&cost.architecture),
                Cell::count(cost.size),
                Cell::number(Some(cost.cost.parameters as f64), 1e-6, 2),
                Cell::number(Some(cost.cost.macs() as f64), 1e-9, 2),
                Cell::number(Some(cost.merged.parameters as f64), 1e-6, 2),
                Cell::number(Some(cost.merged.macs() as f64), 1e-9, 2),
                share(Some(window), None),
            ],
        );
    }
    table
}
