//! Seconds an image and peak memory of the ERF engine: `cargo bench --bench erf -- MODEL SIZE [IMAGES]`.
//!
//! Weights come from the formula of `zoo::init`, the images are random. Prints one JSON line like the
//! peer's script: model, size, images, seconds (median), peak_rss_mb; and threads, and the share of the
//! machine's f32 matrix-product rate (libtorch's, on a product of 2048 x 2048 matrices) that the MACs
//! within the windows, forward and back, come to. It passes 1 where fewer products are made.

use std::time::Instant;

use fieldscope::nn::autograd::Unit;
use fieldscope::nn::cost::erf_cost;
use fieldscope::nn::engine::{Engine, Options};
use fieldscope::zoo::{Form, find, init};
use tch::{Kind, Tensor};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let [model, size, rest @ ..] = arguments.as_slice() else {
        return Err("usage: cargo bench --bench erf -- MODEL SIZE [IMAGES]".into());
    };
    let (size, images) = (size.parse::<usize>()?, rest.first().map_or(Ok(3), |n| n.parse())?);
    let network = init::formula(find(model)?.graph(&Form::fresh()));
    let unit = Unit::centre(&network, network.graph.features, size, size)?;
    let macs = 2 * erf_cost(&network.graph, size, size)?.window_macs;
    let engine = Engine::prepare(network, &[], Options::default())?;
    tch::manual_seed(1);
    let (mut seconds, mut busy) = (Vec::new(), Vec::new());
    for _ in 0..images {
        let image =
            Tensor::randn([1, 3, size as i64, size as i64], (Kind::Float, tch::Device::Cpu));
        let (start, ticks) = (Instant::now(), processor_seconds()?);
        let _ = engine.input_gradient(&image, unit)?;
        busy.push(processor_seconds()? - ticks);
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    busy.sort_by(f64::total_cmp);
    let peak_rss_mb = peak_resident_mb()?;
    let median = seconds[seconds.len() / 2];
    let line = serde_json::json!({
        "model": model,
        "size": size,
        "images": images,
        "seconds": median,
        "processor_seconds": busy[0],
        "peak_rss_mb": peak_rss_mb,
        "threads": tch::get_num_threads(),
        "share_of_rate": macs as f64 / median / product_rate(),
    });
    println!("{line}");
    Ok(())
}

/// Multiply-accumulate operations a second of libtorch's f32 matrix product: the best of several.
fn product_rate() -> f64 {
    const SIDE: i64 = 2048;
    let options = (Kind::Float, tch::Device::Cpu);
    let (a, b) = (Tensor::randn([SIDE, SIDE], options), Tensor::randn([SIDE, SIDE], options));
    let seconds = (0..10).map(|_| {
        let start = Instant::now();
        let _ = a.matmul(&b);
        start.elapsed().as_secs_f64()
    });
    (SIDE * SIDE * SIDE) as f64 / seconds.fold(f64::INFINITY, f64::min)
}

/// Processor time of this process's threads so far, in user mode and the kernel.
fn processor_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = status.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    // Fields 14 and 15 of proc(5), in hundredths of a second.
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
    Ok((ticks(11).ok_or("no user time")? + ticks(12).ok_or("no system time")?) / 100.0)
}

/// Peak resident memory of this process, as the kernel counts it.
fn peak_resident_mb() -> Result<u64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmHWM")?;
    Ok(kilobytes.parse::<u64>()? / 1024)
}
