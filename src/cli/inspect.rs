//! `fieldscope inspect`: sizes, costs and receptive fields of networks.

use comfy_table::{CellAlignment, Table, presets};
use fieldscope::nn::receptive_field::ReceptiveField;
use fieldscope::zoo::ModelSpec;
use fieldscope::zoo::inspection::{Inspection, Part, inspect};

use super::Failure;
use super::console::{self, out};
use super::values::{report_failures, side};

/// The networks of the kernel ablation (Ding et al. 2022), smallest kernels first.
const KERNEL_SWEEP: [(&str, &str); 5] = [
    ("3-3-3-3", "replknet_3"),
    ("7-7-7-7", "replknet_7"),
    ("13-13-13-13", "replknet_13"),
    ("25-25-25-13", "replknet_25"),
    ("31-29-27-13", "replknet_31b"),
];

/// Show what networks cost and how far they can see
///
/// Prints parameters and multiply-accumulate operations (MACs), theoretical receptive field, stride
/// and offset after each stage, and what an ERF map takes. With a checkpoint, says whether it fits
/// and whose parameter names it has. Several networks are compared in one table.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  fieldscope inspect resnet101=resnet101.pth\n  \
                        fieldscope inspect resnet101 replknet_31b swin_tiny --size 1024\n  \
                        fieldscope inspect --kernel-sweep")]
pub struct Arguments {
    /// Networks; a checkpoint is optional here
    #[arg(value_name = "[LABEL:]ARCH[=CHECKPOINT]", required_unless_present = "kernel_sweep")]
    models: Vec<ModelSpec>,

    /// Side of the input image, in pixels
    #[arg(long, default_value_t = 224, value_parser = side, value_name = "PIXELS")]
    size: usize,

    /// List every layer, with the name that `erf --layer` takes
    #[arg(long)]
    layers: bool,

    /// Compare the kernel sizes of the RepLKNet paper's ablation, merged
    #[arg(long, conflicts_with_all = ["models", "layers"])]
    kernel_sweep: bool,

    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Inspects each network and prints what was found; those that can't be inspected are named at the
/// end.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let specs = if arguments.kernel_sweep {
        let spec = |(label, name): (&str, &str)| ModelSpec {
            label: label.to_owned(),
            architecture: name.to_owned(),
            checkpoint: None,
        };
        KERNEL_SWEEP.map(spec).to_vec()
    } else {
        arguments.models.clone()
    };
    let mut inspections = Vec::new();
    let mut failures = Vec::new();
    for spec in &specs {
        match inspect(spec, arguments.size) {
            Ok(inspection) => inspections.push(inspection),
            Err(error) => {
                console::error(&error.to_string());
                failures.push((spec.label.clone(), error.to_string()));
            }
        }
    }
    if arguments.json {
        if !arguments.layers {
            inspections.iter_mut().for_each(|inspection| inspection.layers.clear());
        }
        console::json(&inspections)?;
    } else {
        print(arguments, &inspections)?;
    }
    report_failures(&failures)
}

fn print(arguments: &Arguments, inspections: &[Inspection]) -> Result<(), Failure> {
    if arguments.kernel_sweep {
        return out(format_args!("{}", sweep(inspections)));
    }
    if inspections.len() > 1 && !arguments.layers {
        return out(format_args!("{}", comparison(inspections)));
    }
    for inspection in inspections {
        out(format_args!("{}", heading(inspection)))?;
        let (first, parts) = if arguments.layers {
            ("layer", &inspection.layers)
        } else {
            ("stage", &inspection.stages)
        };
        out(format_args!("{}", parts_table(first, parts)))?;
    }
    Ok(())
}

/// What there is to say about the network as a whole, a line each.
fn heading(inspection: &Inspection) -> String {
    let Inspection { label, architecture, size, cost, merged, erf, .. } = inspection;
    let name =
        if label == architecture { label.clone() } else { format!("{label} ({architecture})") };
    let mut lines = vec![format!("{name} at {size} x {size}")];
    if let (Some(file), Some(naming)) = (&inspection.checkpoint, inspection.naming) {
        lines.push(format!("  checkpoint   {} fits ({naming} names)", file.path));
    }
    lines.push(format!(
        "  parameters   {} (merged {})",
        grouped(cost.parameters),
        grouped(merged.parameters)
    ));
    lines.push(format!("  MACs         {} (merged {})", giga(cost.macs()), giga(merged.macs())));
    if cost.attention_macs > 0 {
        let attention = giga(cost.attention_macs);
        lines.push(format!("               of which attention's products {attention}"));
    }
    lines.push(format!(
        "  ERF map      {:.0} % of the MACs lie in windows that reach the centre; about {}",
        100.0 * erf.share(),
        memory(erf.memory)
    ));
    let three = |values: [f64; 3]| values.map(|value| value.to_string()).join(", ");
    let (mean, std) = (three(inspection.mean), three(inspection.std));
    lines.push(format!("  input        mean {mean}; standard deviation {std}"));
    lines.join("\n")
}

/// A row a stage or layer; `first` is the head of the first column.
fn parts_table(first: &str, parts: &[Part]) -> Table {
    let header = [first, "kind", "output", "parameters", "MACs", "field", "stride", "offset"];
    let mut table = new_table(&header, 3..=7);
    for part in parts {
        let field = part.field.as_ref();
        table.add_row([
            part.name.clone(),
            part.kind.to_owned(),
            part.output.clone(),
            grouped(part.cost.parameters),
            giga(part.cost.macs()),
            field.map(size_of).unwrap_or_default(),
            field.map(|field| square(field.stride)).unwrap_or_default(),
            field.map(|field| square(field.offset)).unwrap_or_default(),
        ]);
    }
    table
}

/// A row a network.
fn comparison(inspections: &[Inspection]) -> Table {
    let header = [
        "network",
        "parameters",
        "merged",
        "MACs",
        "merged",
        "field",
        "stride",
        "ERF windows",
        "ERF memory",
        "names",
    ];
    let mut table = new_table(&header, 1..=8);
    for inspection in inspections {
        let Inspection { cost, merged, erf, .. } = inspection;
        let field = inspection.stages.iter().rev().find_map(|stage| stage.field.as_ref());
        table.add_row([
            inspection.label.clone(),
            grouped(cost.parameters),
            grouped(merged.parameters),
            giga(cost.macs()),
            giga(merged.macs()),
            field.map(size_of).unwrap_or_default(),
            field.map(|field| square(field.stride)).unwrap_or_default(),
            format!("{:.0} %", 100.0 * erf.share()),
            memory(erf.memory),
            inspection.naming.unwrap_or("-").to_owned(),
        ]);
    }
    table
}

/// A row a choice of kernels, in merged form, with the growth over the first.
fn sweep(inspections: &[Inspection]) -> Table {
    let header = ["kernels", "parameters", "growth", "MACs", "growth", "field"];
    let mut table = new_table(&header, 1..=5);
    let Some(first) = inspections.first().map(|inspection| inspection.merged) else {
        return table;
    };
    let growth = |value: u64, first: u64| {
        format!("{:+.1} %", 100.0 * (value as f64 / first.max(1) as f64 - 1.0))
    };
    for inspection in inspections {
        let merged = &inspection.merged;
        let field = inspection.stages.iter().rev().find_map(|stage| stage.field.as_ref());
        table.add_row([
            inspection.label.clone(),
            grouped(merged.parameters),
            growth(merged.parameters, first.parameters),
            giga(merged.macs()),
            growth(merged.macs(), first.macs()),
            field.map(size_of).unwrap_or_default(),
        ]);
    }
    table
}

fn new_table(header: &[&str], numbers: std::ops::RangeInclusive<usize>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header.iter().copied());
    for index in numbers {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Side of a field: "427", "at most 508", "whole image".
fn size_of(field: &ReceptiveField) -> String {
    match field.size {
        None => "whole image".to_owned(),
        Some(size) if field.is_exact => square(size),
        Some(size) => format!("at most {}", square(size)),
    }
}

/// One number where both axes agree.
fn square<T: PartialEq + std::fmt::Display>([height, width]: [T; 2]) -> String {
    if height == width { height.to_string() } else { format!("{height} x {width}") }
}

/// 44,549,160.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Billions, to three decimals.
fn giga(value: u64) -> String {
    format!("{:.3} G", value as f64 / 1e9)
}

fn memory(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}
