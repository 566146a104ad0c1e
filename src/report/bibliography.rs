//! The works that reports cite: methods and networks.

use super::study::Study;
use crate::zoo;

/// A cited work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Citation key.
    pub key: &'static str,
    /// As cited in running text: "Ding et al. 2022".
    pub short: &'static str,
    /// Type of the BibTeX entry.
    pub kind: &'static str,
    /// Authors, "Family, Given" each.
    pub authors: &'static [&'static str],
    /// Title.
    pub title: &'static str,
    /// Field and value of where it appeared: `booktitle`, `journal` or `publisher`.
    pub venue: (&'static str, &'static str),
    /// Further fields: `volume`, `number`, `pages`, `series`, `doi`, and `eprint` for the number on
    /// arXiv.
    pub details: &'static [(&'static str, &'static str)],
    /// Year.
    pub year: u16,
}

/// Every work that a report may cite, by key.
pub const REFERENCES: [Reference; 16] = [
    Reference {
        key: "bonett2000spearman",
        short: "Bonett and Wright 2000",
        kind: "article",
        authors: &["Bonett, Douglas G.", "Wright, Thomas A."],
        title: "Sample size requirements for estimating Pearson, Kendall and Spearman correlations",
        venue: ("journal", "Psychometrika"),
        details: &[
            ("volume", "65"),
            ("number", "1"),
            ("pages", "23--28"),
            ("doi", "10.1007/BF02294183"),
        ],
        year: 2000,
    },
    Reference {
        key: "cohen1960kappa",
        short: "Cohen 1960",
        kind: "article",
        authors: &["Cohen, Jacob"],
        title: "A Coefficient of Agreement for Nominal Scales",
        venue: ("journal", "Educational and Psychological Measurement"),
        details: &[
            ("volume", "20"),
            ("number", "1"),
            ("pages", "37--46"),
            ("doi", "10.1177/001316446002000104"),
        ],
        year: 1960,
    },
    Reference {
        key: "ding2022replknet",
        short: "Ding et al. 2022",
        kind: "inproceedings",
        authors: &["Ding, Xiaohan", "Zhang, Xiangyu", "Han, Jungong", "Ding, Guiguang"],
        title: "Scaling Up Your Kernels to 31x31: Revisiting Large Kernel Design in CNNs",
        venue: ("booktitle", "IEEE/CVF Conference on Computer Vision and Pattern Recognition"),
        details: &[("pages", "11963--11975"), ("eprint", "2203.06717")],
        year: 2022,
    },
    Reference {
        key: "dosovitskiy2021vit",
        short: "Dosovitskiy et al. 2021",
        kind: "inproceedings",
        authors: &[
            "Dosovitskiy, Alexey",
            "Beyer, Lucas",
            "Kolesnikov, Alexander",
            "Weissenborn, Dirk",
            "Zhai, Xiaohua",
            "Unterthiner, Thomas",
            "Dehghani, Mostafa",
            "Minderer, Matthias",
            "Heigold, Georg",
            "Gelly, Sylvain",
            "Uszkoreit, Jakob",
            "Houlsby, Neil",
        ],
        title: "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale",
        venue: ("booktitle", "International Conference on Learning Representations"),
        details: &[("eprint", "2010.11929")],
        year: 2021,
    },
    Reference {
        key: "efron1993bootstrap",
        short: "Efron and Tibshirani 1993",
        kind: "book",
        authors: &["Efron, Bradley", "Tibshirani, Robert J."],
        title: "An Introduction to the Bootstrap",
        venue: ("publisher", "Chapman and Hall"),
        details: &[("doi", "10.1201/9780429246593")],
        year: 1993,
    },
    Reference {
        key: "geirhos2019texture",
        short: "Geirhos et al. 2019",
        kind: "inproceedings",
        authors: &[
            "Geirhos, Robert",
            "Rubisch, Patricia",
            "Michaelis, Claudio",
            "Bethge, Matthias",
            "Wichmann, Felix A.",
            "Brendel, Wieland",
        ],
        title: "ImageNet-trained CNNs are biased towards texture; increasing shape bias improves accuracy and robustness",
        venue: ("booktitle", "International Conference on Learning Representations"),
        details: &[("eprint", "1811.12231")],
        year: 2019,
    },
    Reference {
        key: "geirhos2020consistency",
        short: "Geirhos et al. 2020",
        kind: "inproceedings",
        authors: &["Geirhos, Robert", "Meding, Kristof", "Wichmann, Felix A."],
        title: "Beyond accuracy: quantifying trial-by-trial behaviour of CNNs and humans by measuring error consistency",
        venue: ("booktitle", "Advances in Neural Information Processing Systems"),
        details: &[("volume", "33"), ("pages", "13890--13902"), ("eprint", "2006.16736")],
        year: 2020,
    },
    Reference {
        key: "geirhos2021partial",
        short: "Geirhos et al. 2021",
        kind: "inproceedings",
        authors: &[
            "Geirhos, Robert",
            "Narayanappa, Kantharaju",
            "Mitzkus, Benjamin",
            "Thieringer, Tizian",
            "Bethge, Matthias",
            "Wichmann, Felix A.",
            "Brendel, Wieland",
        ],
        title: "Partial success in closing the gap between human and machine vision",
        venue: ("booktitle", "Advances in Neural Information Processing Systems"),
        details: &[("volume", "34"), ("pages", "23885--23899"), ("eprint", "2106.07411")],
        year: 2021,
    },
    Reference {
        key: "he2016resnet",
        short: "He et al. 2016",
        kind: "inproceedings",
        authors: &["He, Kaiming", "Zhang, Xiangyu", "Ren, Shaoqing", "Sun, Jian"],
        title: "Deep Residual Learning for Image Recognition",
        venue: ("booktitle", "IEEE Conference on Computer Vision and Pattern Recognition"),
        details: &[
            ("pages", "770--778"),
            ("doi", "10.1109/CVPR.2016.90"),
            ("eprint", "1512.03385"),
        ],
        year: 2016,
    },
    Reference {
        key: "kott2001jackknife",
        short: "Kott 2001",
        kind: "article",
        authors: &["Kott, Phillip S."],
        title: "The Delete-a-Group Jackknife",
        venue: ("journal", "Journal of Official Statistics"),
        details: &[("volume", "17"), ("number", "4"), ("pages", "521--526")],
        year: 2001,
    },
    Reference {
        key: "liu2021swin",
        short: "Liu et al. 2021",
        kind: "inproceedings",
        authors: &[
            "Liu, Ze",
            "Lin, Yutong",
            "Cao, Yue",
            "Hu, Han",
            "Wei, Yixuan",
            "Zhang, Zheng",
            "Lin, Stephen",
            "Guo, Baining",
        ],
        title: "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows",
        venue: ("booktitle", "IEEE/CVF International Conference on Computer Vision"),
        details: &[
            ("pages", "10012--10022"),
            ("doi", "10.1109/ICCV48922.2021.00986"),
            ("eprint", "2103.14030"),
        ],
        year: 2021,
    },
    Reference {
        key: "liu2022convnext",
        short: "Liu et al. 2022",
        kind: "inproceedings",
        authors: &[
            "Liu, Zhuang",
            "Mao, Hanzi",
            "Wu, Chao-Yuan",
            "Feichtenhofer, Christoph",
            "Darrell, Trevor",
            "Xie, Saining",
        ],
        title: "A ConvNet for the 2020s",
        venue: ("booktitle", "IEEE/CVF Conference on Computer Vision and Pattern Recognition"),
        details: &[("pages", "11976--11986"), ("eprint", "2201.03545")],
        year: 2022,
    },
    Reference {
        key: "luo2016erf",
        short: "Luo et al. 2016",
        kind: "inproceedings",
        authors: &["Luo, Wenjie", "Li, Yujia", "Urtasun, Raquel", "Zemel, Richard"],
        title: "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks",
        venue: ("booktitle", "Advances in Neural Information Processing Systems"),
        details: &[("volume", "29"), ("eprint", "1701.04128")],
        year: 2016,
    },
    Reference {
        key: "paszke2019pytorch",
        short: "Paszke et al. 2019",
        kind: "inproceedings",
        authors: &["Paszke, Adam", "Gross, Sam", "Massa, Francisco", "others"],
        title: "PyTorch: An Imperative Style, High-Performance Deep Learning Library",
        venue: ("booktitle", "Advances in Neural Information Processing Systems"),
        details: &[("volume", "32"), ("eprint", "1912.01703")],
        year: 2019,
    },
    Reference {
        key: "spearman1904association",
        short: "Spearman 1904",
        kind: "article",
        authors: &["Spearman, Charles"],
        title: "The Proof and Measurement of Association between Two Things",
        venue: ("journal", "The American Journal of Psychology"),
        details: &[
            ("volume", "15"),
            ("number", "1"),
            ("pages", "72--101"),
            ("doi", "10.2307/1412159"),
        ],
        year: 1904,
    },
    Reference {
        key: "touvron2021deit",
        short: "Touvron et al. 2021",
        kind: "inproceedings",
        authors: &[
            "Touvron, Hugo",
            "Cord, Matthieu",
            "Douze, Matthijs",
            "Massa, Francisco",
            "Sablayrolles, Alexandre",
            "Jégou, Hervé",
        ],
        title: "Training data-efficient image transformers & distillation through attention",
        venue: ("booktitle", "International Conference on Machine Learning"),
        details: &[("series", "PMLR 139"), ("pages", "10347--10357"), ("eprint", "2012.12877")],
        year: 2021,
    },
];

/// The work with this key.
pub fn reference(key: &str) -> Option<&'static Reference> {
    REFERENCES.iter().find(|reference| reference.key == key)
}

/// Key of the paper of an architecture.
pub fn of_architecture(name: &str) -> Option<&'static str> {
    let key = zoo::find(name).ok()?.citation;
    reference(key).map(|reference| reference.key)
}

/// Keys of the papers of the study's networks.
pub fn of_networks(study: &Study) -> Vec<&'static str> {
    let networks = study.networks();
    networks.iter().filter_map(|network| of_architecture(network.architecture()?)).collect()
}

/// The works with these keys, each once, by authors and year.
pub fn sorted(keys: &[&'static str]) -> Vec<&'static Reference> {
    let used = |reference: &&Reference| keys.contains(&reference.key);
    REFERENCES.iter().filter(used).collect()
}

impl Reference {
    /// "A. Family, B. Family and C. Family"
    pub fn author_list(&self) -> String {
        let name = |author: &&str| match author.split_once(", ") {
            Some((family, given)) => {
                let initials: Vec<String> = given
                    .split([' ', '-'])
                    .filter_map(|part| part.chars().next())
                    .map(|initial| format!("{initial}."))
                    .collect();
                format!("{} {family}", initials.join(" "))
            }
            None => "others".to_owned(),
        };
        let names: Vec<String> = self.authors.iter().map(name).collect();
        match names.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
            None => String::new(),
        }
    }

    /// What follows the title: venue, volume, pages, year, and where to find it.
    pub fn place(&self) -> String {
        let mut place = self.venue.1.to_owned();
        let mut found = String::new();
        for (field, value) in self.details {
            let value = value.replace("--", "–");
            match *field {
                "volume" => place.push_str(&format!(" {value}")),
                "number" => place.push_str(&format!("({value})")),
                "pages" => place.push_str(&format!(", pp. {value}")),
                "doi" => found.push_str(&format!(", doi:{value}")),
                "eprint" => found.push_str(&format!(", arXiv:{value}")),
                _ => place.push_str(&format!(", {value}")),
            }
        }
        format!("{place}, {}{found}", self.year)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_network_has_a_paper_and_every_work_a_place_in_the_order() {
        for architecture in zoo::architectures() {
            assert!(reference(architecture.citation).is_some(), "{}", architecture.name);
        }
        let keys: Vec<&str> = REFERENCES.iter().map(|reference| reference.key).collect();
        let sorted: BTreeSet<&str> = keys.iter().copied().collect();
        assert!(keys.iter().eq(&sorted), "{keys:?}");
    }

    #[test]
    fn a_work_is_written_out() {
        let work = reference("liu2021swin").unwrap();
        assert!(work.author_list().starts_with("Z. Liu, Y. Lin, "));
        assert_eq!(
            work.place(),
            "IEEE/CVF International Conference on Computer Vision, pp. 10012–10022, 2021, \
             doi:10.1109/ICCV48922.2021.00986, arXiv:2103.14030"
        );
        let work = reference("kott2001jackknife").unwrap();
        assert_eq!(work.place(), "Journal of Official Statistics 17(4), pp. 521–526, 2001");
    }
}
