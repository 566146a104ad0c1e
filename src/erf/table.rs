//! `erf.csv`: a row a network.

use super::result::{AreaRatio, ErfResult};

/// What a square's side is called where no square inside the map holds enough.
pub const WHOLE_MAP: &str = "whole map";

/// The table as CSV text. Ratios and masses are shares of 1, sides and sigmas in pixels; an interval
/// or fit that doesn't exist is an empty field.
///
/// # Errors
///
/// Those of the CSV writer, which writes to memory.
pub fn csv(results: &[ErfResult]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for (index, result) in results.iter().enumerate() {
        let row = row(result);
        if index == 0 {
            writer.write_record(row.iter().map(|(name, _)| name))?;
        }
        writer.write_record(row.iter().map(|(_, value)| value))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

fn row(result: &ErfResult) -> Vec<(String, String)> {
    let mut row: Vec<(String, String)> = Vec::new();
    let mut put = |name: &str, value: String| row.push((name.to_owned(), value));
    put("label", result.label.clone());
    put("architecture", result.architecture.clone());
    put("untrained", result.untrained.to_string());
    put("height", result.size[0].to_string());
    put("width", result.size[1].to_string());
    put("layer", result.layer.clone());
    put("unit_row", optional(result.unit.map(|unit| unit[0])));
    put("unit_column", optional(result.unit.map(|unit| unit[1])));
    put("images_used", result.images_used.to_string());
    put("images_skipped", result.images_skipped.len().to_string());
    for (letter, ratios) in [("r", &result.area_ratios), ("m", &result.mass_ratios)] {
        for ratio in ratios {
            let name = format!("{letter}{}", percent(ratio));
            put(&name, ratio.ratio.to_string());
            put(&format!("{name}_low"), optional(ratio.interval.map(|interval| interval[0])));
            put(&format!("{name}_high"), optional(ratio.interval.map(|interval| interval[1])));
            put(&format!("{name}_side"), side(ratio));
        }
    }
    put("centre_of_mass_row", result.centre_of_mass[0].to_string());
    put("centre_of_mass_column", result.centre_of_mass[1].to_string());
    put("arg_max_row", result.arg_max[0].to_string());
    put("arg_max_column", result.arg_max[1].to_string());
    for mass in &result.radial_mass {
        put(&format!("mass_within_{}", mass.radius), mass.mass.to_string());
    }
    let gaussian = result.gaussian;
    put("sigma_x", optional(gaussian.map(|fit| fit.sigma_x)));
    put("sigma_y", optional(gaussian.map(|fit| fit.sigma_y)));
    put("r_squared", optional(gaussian.map(|fit| fit.r_squared)));
    row
}

/// The threshold in whole percent.
pub fn percent(ratio: &AreaRatio) -> u32 {
    (ratio.threshold * 100.0).round() as u32
}

/// Side of the square in pixels, or "whole map".
pub fn side(ratio: &AreaRatio) -> String {
    ratio.side.map_or_else(|| WHOLE_MAP.to_owned(), |side| side.to_string())
}

fn optional<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
