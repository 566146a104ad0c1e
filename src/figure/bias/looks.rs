//! How the observers of the shape-bias chart look, in it and in its legend.

use super::{BiasSpec, Who};
use crate::figure::canvas::Stroke;
use crate::figure::legend::Entry;
use crate::figure::style::{
    self, HUMAN, Marker, ONE_HUMAN, Rgb, series_color, series_dash, series_marker,
};

/// How an observer is shown.
pub(super) struct Look {
    pub(super) observer: usize,
    pub(super) marker: Marker,
    pub(super) color: Rgb,
    pub(super) dash: &'static [f64],
}

/// Networks in order, then single people, then people pooled, who are to lie on top.
pub(super) fn looks(spec: &BiasSpec) -> Vec<Look> {
    let pooled = spec.observers.iter().any(|one| one.who == Who::People);
    let person = if pooled { ONE_HUMAN } else { HUMAN };
    let human = |observer, color| Look { observer, marker: Marker::Diamond, color, dash: &[] };
    let (mut networks, mut people, mut pools) = (Vec::new(), Vec::new(), Vec::new());
    for (observer, one) in spec.observers.iter().enumerate() {
        match one.who {
            Who::Person => people.push(human(observer, person)),
            Who::People => pools.push(human(observer, HUMAN)),
            Who::Network => {
                let index = networks.len();
                networks.push(Look {
                    observer,
                    marker: series_marker(index),
                    color: series_color(index),
                    dash: series_dash(index),
                });
            }
        }
    }
    networks.extend(people);
    networks.extend(pools);
    networks
}

pub(super) fn class(observer: usize) -> String {
    format!("series series-{observer}")
}

/// One legend entry a network and pool; one for all single people, since they look alike.
pub(super) fn entries(spec: &BiasSpec) -> Vec<Entry> {
    let people = spec.observers.iter().filter(|one| one.who == Who::Person).count();
    let mut entries = Vec::new();
    let mut people_shown = false;
    for look in looks(spec) {
        let observer = &spec.observers[look.observer];
        let label = match observer.who {
            Who::Person if people > 1 => {
                if std::mem::replace(&mut people_shown, true) {
                    continue;
                }
                format!("single people ({people})")
            }
            Who::People if people > 0 => {
                format!("{}, pooled", style::marked(&observer.label, false))
            }
            _ => style::marked(&observer.label, observer.untrained),
        };
        entries.push(Entry {
            label,
            line: Some(Stroke::new(look.color, 0.8).dashed(look.dash)),
            marker: Some((look.marker, look.color)),
            class: Some(class(look.observer)),
        });
    }
    entries
}
