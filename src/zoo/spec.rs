//! Which network is meant: `[LABEL:]ARCH[=CHECKPOINT]`.

use std::path::PathBuf;
use std::str::FromStr;

use super::ZooError;
use super::model::TORCHSCRIPT;
use crate::fetch::fetched;

/// The checkpoint that stands for what `fieldscope fetch` got: `resnet50=fetched`, or under another
/// name than the architecture's `resnet50=fetched:resnet50_v2`. (A file so called is `./fetched`.)
const FETCHED: &str = "fetched";

/// A network as the user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSpec {
    /// Name in tables and figures: given, or the architecture's, or for TorchScript the file's.
    pub label: String,
    /// Name in the zoo, or `torchscript`.
    pub architecture: String,
    /// File with its values.
    pub checkpoint: Option<PathBuf>,
}

impl FromStr for ModelSpec {
    type Err = ZooError;

    /// Splits at the first `=`, then at the last `:` before it, so that paths may hold both and
    /// labels may hold colons.
    fn from_str(argument: &str) -> Result<Self, ZooError> {
        let refuse = |reason: &str| ZooError::Specification {
            argument: argument.to_owned(),
            reason: reason.to_owned(),
        };
        let (network, checkpoint) = match argument.split_once('=') {
            Some((_, "")) => return Err(refuse("the checkpoint's path is missing after `=`")),
            Some((network, path)) => (network, Some(path)),
            None => (argument, None),
        };
        let (label, architecture) = match network.rsplit_once(':') {
            Some(("", _)) => return Err(refuse("the label before `:` is empty")),
            Some((label, architecture)) => (Some(label.to_owned()), architecture),
            None => (None, network),
        };
        if architecture.is_empty() {
            return Err(refuse("the architecture's name is missing"));
        }
        let checkpoint = checkpoint
            .map(|path| match path.strip_prefix(FETCHED) {
                Some("") => fetched(architecture).map_err(|error| refuse(&error.to_string())),
                Some(name) if name.starts_with(':') => {
                    fetched(&name[1..]).map_err(|error| refuse(&error.to_string()))
                }
                _ => Ok(PathBuf::from(path)),
            })
            .transpose()?;
        let file_stem = || Some(checkpoint.as_ref()?.file_stem()?.to_string_lossy().into_owned());
        let label = label
            .or_else(|| if architecture == TORCHSCRIPT { file_stem() } else { None })
            .unwrap_or_else(|| architecture.to_owned());
        Ok(ModelSpec { label, architecture: architecture.to_owned(), checkpoint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(argument: &str) -> (String, String, Option<String>) {
        let spec: ModelSpec = argument.parse().unwrap();
        let path = spec.checkpoint.map(|path| path.to_string_lossy().into_owned());
        (spec.label, spec.architecture, path)
    }

    #[test]
    fn every_part_but_the_architecture_may_be_left_out() {
        let owned = |s: &str| s.to_owned();
        assert_eq!(parse("resnet50"), (owned("resnet50"), owned("resnet50"), None));
        assert_eq!(
            parse("resnet101=a/r101.pth"),
            (owned("resnet101"), owned("resnet101"), Some(owned("a/r101.pth")))
        );
        assert_eq!(
            parse("RepLKNet: 31B:replknet_31b=c:/x=y.pth"),
            (owned("RepLKNet: 31B"), owned("replknet_31b"), Some(owned("c:/x=y.pth")))
        );
        assert_eq!(
            parse("torchscript=nets/lite0.pt"),
            (owned("lite0"), owned("torchscript"), Some(owned("nets/lite0.pt")))
        );
    }

    #[test]
    fn what_was_not_fetched_is_refused_with_the_command_that_fetches_it() {
        let message = "resnet50=fetched:resnet999".parse::<ModelSpec>().unwrap_err().to_string();
        assert!(message.contains("resnet50_v2"), "{message}");
        assert_eq!(parse("resnet50=./fetched").2, Some("./fetched".to_owned()));
        assert_eq!(parse("resnet50=fetched.pth").2, Some("fetched.pth".to_owned()));
    }

    #[test]
    fn half_an_argument_is_refused() {
        for argument in ["", "=x.pth", "resnet50=", ":resnet50", "label:"] {
            assert!(argument.parse::<ModelSpec>().is_err(), "{argument}");
        }
    }
}
