use std::{path::PathBuf, time::Duration};

/// What to type.
pub const USAGE: &str = "\
usage: lab race respond --asker PROGRAM --loop PROGRAM [--go PROGRAM] [--vipcast PROGRAM]
                        [--addresses N,...] [--rounds N] [--file FILE] [--seconds N]";

/// Which programs take part, and how often.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Options {
    /// Who asks, built of `lab/rivals/arp-c/asker.c`.
    pub asker: PathBuf,
    /// The plain loop of recv and send, built of `lab/rivals/arp-c/responder.c`.
    pub plain: Option<PathBuf>,
    /// The loop over MetalLB's library, built of `lab/rivals/arp-go`.
    pub go: Option<PathBuf>,
    /// Our own; one beside the lab's program is found by itself.
    pub vipcast: Option<PathBuf>,
    /// How many addresses, one race after the other.
    pub addresses: Vec<u32>,
    /// How many rounds.
    pub rounds: usize,
    /// The file of rounds; those that it has are not run again.
    pub file: Option<PathBuf>,
    /// After this long no round is begun any more.
    pub time: Option<Duration>,
}

impl Options {
    /// Reads a command line; what is wrong with it, if it is none.
    ///
    /// # Errors
    /// The word that is not understood, or what is missing.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let mut options = Self { addresses: vec![1, 1_000], rounds: 10, ..Self::default() };
        let mut words = words.iter();
        while let Some(&flag) = words.next() {
            let value = *words.next().ok_or_else(|| format!("{flag} lacks its value"))?;
            let number =
                |text: &str| text.parse::<u32>().map_err(|_| format!("{text} is no number"));
            match flag {
                "--asker" => options.asker = value.into(),
                "--loop" => options.plain = Some(value.into()),
                "--go" => options.go = Some(value.into()),
                "--vipcast" => options.vipcast = Some(value.into()),
                "--file" => options.file = Some(value.into()),
                "--seconds" => options.time = Some(Duration::from_secs(number(value)?.into())),
                "--rounds" => options.rounds = number(value)? as usize,
                "--addresses" => {
                    options.addresses = value.split(',').map(number).collect::<Result<_, _>>()?;
                }
                other => return Err(format!("{other} is not known")),
            }
        }
        if options.asker.as_os_str().is_empty() {
            return Err("--asker is missing".to_owned());
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_read() {
        let options = Options::parse(&["--asker", "a", "--addresses", "1,7", "--rounds", "3"]);
        let options = options.unwrap();
        assert_eq!((options.addresses, options.rounds), (vec![1, 7], 3));
        let options = Options::parse(&["--asker", "a", "--file", "f", "--seconds", "90"]).unwrap();
        assert_eq!(options.file.as_deref(), Some("f".as_ref()));
        assert_eq!(options.time, Some(Duration::from_secs(90)));
        assert!(Options::parse(&[]).is_err());
        assert!(Options::parse(&["--asker", "a", "--fast", "yes"]).is_err());
        assert!(Options::parse(&["--asker", "a", "--rounds", "many"]).is_err());
    }
}
