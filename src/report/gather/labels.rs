//! One name for each result of a study.

use crate::report::study::{ErfEntry, Scope, Study, Warning};

/// Names the layer of a result that isn't of the last feature map, where its network has others: fields
/// of other layers, a shape bias, a cost; and the unit of one that isn't of the centre unit, where its
/// network has fields of others.
pub fn name_layers_and_units(study: &mut Study) {
    let of_networks = study.network_observers().map(|entry| &entry.result.label);
    let whole: Vec<&String> =
        of_networks.chain(study.costs.iter().map(|cost| &cost.label)).collect();
    let name = |erf: &ErfEntry| {
        let differs = |setting: fn(&ErfEntry) -> String| {
            let mut others = study.erfs.iter().filter(|other| other.network == erf.network);
            others.any(|other| setting(other) != setting(erf))
        };
        let mut name = erf.network.clone();
        let layers = differs(|erf| erf.result.layer.clone());
        if !erf.is_of_features() && (layers || whole.contains(&&erf.network)) {
            name.push_str(&format!(", {}", erf.result.layer));
        }
        if erf.result.around.is_some() && differs(ErfEntry::unit) {
            name.push_str(&format!(", {}", erf.unit()));
        }
        name
    };
    let names: Vec<String> = study.erfs.iter().map(name).collect();
    for (erf, name) in study.erfs.iter_mut().zip(names) {
        erf.result.label = name;
    }
}

/// Gives the second of two results of one name another, and says so.
pub fn make_unique_in(study: &mut Study) {
    let mut warnings = Vec::new();
    let mut taken = Vec::new();
    for erf in &mut study.erfs {
        let about = (Scope::Erf, erf.source.as_str());
        warnings.extend(make_unique(&mut erf.result.label, &mut taken, about));
    }
    let mut taken = Vec::new();
    for observer in &mut study.observers {
        let about = (Scope::ShapeBias, study.biases[observer.run].source.as_str());
        warnings.extend(make_unique(&mut observer.result.label, &mut taken, about));
    }
    study.warnings.extend(warnings);
}

fn make_unique(
    label: &mut String,
    taken: &mut Vec<String>,
    (scope, source): (Scope, &str),
) -> Option<Warning> {
    let wanted = label.clone();
    let mut number = 2;
    while taken.contains(label) {
        *label = format!("{wanted} ({number})");
        number += 1;
    }
    taken.push(label.clone());
    (*label != wanted).then(|| Warning {
        about: Some(label.clone()),
        scope,
        text: format!("Another result is called {wanted}; the one of {source} is {label}."),
    })
}

#[cfg(test)]
mod tests {
    use crate::report::check::{erf, network, study};

    use super::*;

    fn labels(study: &Study) -> Vec<&str> {
        study.erfs.iter().map(|erf| erf.result.label.as_str()).collect()
    }

    #[test]
    fn layers_are_named_and_the_shape_bias_is_of_the_last_feature_map() {
        let fields = vec![
            erf("vit", "block1", 0.9),
            erf("vit", "block2", 0.8),
            erf("vit", "features", 0.5),
            erf("resnet", "layer1", 0.1),
        ];
        let mut study = study(fields, vec![network("vit", 3, 1)]);
        name_layers_and_units(&mut study);
        make_unique_in(&mut study);
        assert_eq!(labels(&study), ["vit, block1", "vit, block2", "vit", "resnet"]);
        assert_eq!(study.warnings, []);
        assert_eq!(study.pairs(), [("vit".to_owned(), 0.5, 0.75)]);
    }

    #[test]
    fn a_shape_bias_beside_inner_layers_alone_stands_in_a_row_of_its_own() {
        let mut study = study(vec![erf("vit", "block1", 0.9)], vec![network("vit", 3, 1)]);
        name_layers_and_units(&mut study);
        assert_eq!(labels(&study), ["vit, block1"]);
        let networks: Vec<&str> = study.networks().iter().map(|network| network.label).collect();
        assert_eq!(networks, ["vit, block1", "vit"]);
        assert_eq!(study.pairs(), []);
    }

    #[test]
    fn units_of_one_network_are_named_and_the_shape_bias_is_of_the_centre_one() {
        let mut corner = erf("vit", "features", 0.9);
        (corner.result.unit, corner.result.around) = (Some([0, 1]), Some([4, 12]));
        let mut study =
            study(vec![corner, erf("vit", "features", 0.5)], vec![network("vit", 3, 1)]);
        name_layers_and_units(&mut study);
        assert_eq!(labels(&study), ["vit, unit (0, 1)", "vit"]);
        assert_eq!(study.pairs(), [("vit".to_owned(), 0.5, 0.75)]);
    }

    #[test]
    fn an_existing_map_of_an_unknown_layer_has_the_shape_bias_of_its_label() {
        let mut study = study(vec![erf("net", "", 0.9)], vec![network("net", 1, 1)]);
        name_layers_and_units(&mut study);
        assert_eq!(study.pairs(), [("net".to_owned(), 0.9, 0.5)]);
    }
}
