//! Tables of effective receptive fields: area ratios, and extent and centre.

use super::cells::{marked, ratio};
use super::table::{ABSENT, Cell, Table};
use crate::erf::result::THRESHOLDS;
use crate::erf::table::{WHOLE_MAP, percent};
use crate::report::study::{Scope, Study};

/// r(t) and m(t).
pub fn ratios(study: &Study) -> Table {
    let mut table = Table::new("area-ratios", "High-contribution area ratios")
        .column("label", "network", None, false);
    let names: Vec<(String, String)> = ["r", "m"]
        .into_iter()
        .flat_map(|letter| THRESHOLDS.map(|share| (letter, (100.0 * share).round())))
        .map(|(letter, share)| (format!("{letter}{share}"), format!("{letter}({share} %)")))
        .collect();
    for (key, heading) in &names {
        table = table.column(key, heading, Some("%"), true);
    }
    let keys = |letter: &str| -> Vec<&str> {
        let keys = names.iter().map(|(key, _)| key.as_str());
        keys.filter(|key| key.starts_with(letter)).collect()
    };
    table = table
        .saying(
            &keys("r"),
            "r(t): area of the smallest centred square that holds more than the share t of \
             log10(map + 1), as a share of the map's area (Ding et al. 2022); it depends on the scale \
             of the map.",
        )
        .saying(
            &keys("m"),
            "m(t): area of the smallest centred square that holds more than the share t of the map \
             itself, whatever its scale.",
        )
        .saying_of_intervals(&[], "Intervals: 95 %, delete-group jackknife over images.");
    for erf in &study.erfs {
        let result = &erf.result;
        let mut cells = vec![Cell::text(marked(&result.label, result.untrained))];
        for (key, _) in &names {
            let (letter, threshold) = key.split_at(1);
            let list = if letter == "r" { &result.area_ratios } else { &result.mass_ratios };
            cells.push(ratio(list.iter().find(|ratio| percent(ratio).to_string() == threshold)));
        }
        table.row(&[&result.label], !result.untrained, cells);
    }
    if study.comparable {
        names.iter().for_each(|(key, _)| table.mark_largest(key));
    }
    if table.has_text(WHOLE_MAP) {
        table =
            table.saying(&[], "“Whole map”: no centred square inside the map holds that share.");
    }
    table.saying(&[], study.off_centre()).saying(&[], study.mixture()).attach(study, Scope::Erf)
}

/// Gaussian fit, centre of mass, images.
pub fn extent(study: &Study) -> Table {
    let mut table = Table::new("extent", "Extent and centre of the maps")
        .saying(
            &["sigma_x", "sigma_y"],
            "σ: standard deviations of a 2-D Gaussian fitted to the map, in pixels of the input.",
        )
        .saying(&["r_squared"], "R²: share of the map's variance that the Gaussian explains.")
        .saying(&["centre_row", "centre_column"], "Centre of mass in pixels from the upper left.")
        .saying(&["images"], "Images: those in the mean.")
        .column("label", "network", None, false)
        .column("input", "input", Some("px"), false)
        .column("layer", "layer", None, false)
        .column("images", "images", None, true)
        .column("skipped", "left out", None, true)
        .column("sigma_x", "σ horizontal", Some("px"), true)
        .column("sigma_y", "σ vertical", Some("px"), true)
        .column("r_squared", "R²", None, true)
        .column("centre_row", "centre, row", Some("px"), true)
        .column("centre_column", "centre, column", Some("px"), true)
        .column("seconds_per_image", "time an image", Some("s"), true);
    for erf in &study.erfs {
        let result = &erf.result;
        let [height, width] = result.size;
        let fit = result.gaussian;
        let existing = result.architecture == "map";
        let count = |count: usize| if existing { Cell::text(ABSENT) } else { Cell::count(count) };
        table.row(
            &[&result.label],
            !result.untrained,
            vec![
                Cell::text(marked(&result.label, result.untrained)),
                Cell::text(format!("{height} × {width}")),
                Cell::text(if existing { ABSENT } else { &result.layer }),
                count(result.images_used),
                count(result.images_skipped.len()),
                Cell::number(fit.map(|fit| fit.sigma_x), 1.0, 1),
                Cell::number(fit.map(|fit| fit.sigma_y), 1.0, 1),
                Cell::number(fit.map(|fit| fit.r_squared), 1.0, 3),
                Cell::number(Some(result.centre_of_mass[0]), 1.0, 1),
                Cell::number(Some(result.centre_of_mass[1]), 1.0, 1),
                Cell::number(result.seconds_per_image, 1.0, 2),
            ],
        );
    }
    table.attach(study, Scope::Erf)
}
