//! One name for each result of a study.

use crate::report::study::{Scope, Study, Warning};

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
