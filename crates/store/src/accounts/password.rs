//! Passwords: which are accepted, and how they are hashed (argon2id, 19 MiB, two passes).

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use model::id::UserName;
use zeroize::Zeroizing;

use super::import;
use crate::{Keyring, Secret, Store, StoreError};

/// Characters a password needs, and may have.
const LENGTH_MIN: usize = 12;
const LENGTH_MAX: usize = 256;

/// Bytes a password needs that has no letter.
const NUMBER_MIN: usize = 20;

/// Characters that are looked at: the work grows faster than the length.
const LOOKED_AT: usize = 64;

/// Words of every such site.
const SITE: &[&str] = &[
    "redkeep", "nodered", "node-red", "scada", "plc", "modbus", "flowfuse",
];

/// Well known passwords, one a line, lower case.
static COMMON: &str = include_str!("../../data/common-passwords.txt");

/// What an unknown name's password is compared with: the same work as for a known one. The hash
/// is of nothing; a constant, so that the first unknown name takes no longer than the others.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$LVwAAza14AVFF4+fANEcfw\
     $h9Sx61rhZ4uZI2jeUCSdu3ruMCRQ7ZNgYB5GcKclm8g";

/// Why a password is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short.
    #[error("a password needs at least {min} characters")]
    TooShort {
        /// Characters it needs.
        min: usize,
    },
    /// Too long.
    #[error("a password may have at most {max} characters")]
    TooLong {
        /// Characters it may have.
        max: usize,
    },
    /// On the list of common passwords, or the user name in another dress.
    #[error(
        "this password is one of the first an attacker tries; take four or five words that have \
         nothing to do with each other or with this place, or let a password manager make one"
    )]
    Common,
    /// Soon guessed: made of common words, names, dates, rows of keys, or words of this site.
    #[error(
        "this password is soon guessed: common words, names, dates, rows of keys and words of this \
         site are tried first; take four or five words that have nothing to do with each other or \
         with this place, or let a password manager make one"
    )]
    Guessable,
}

/// Checks a password; `site`: words anybody knows who wants to come in here (hosts, instances).
pub(super) fn check(name: &UserName, password: &str, site: &[String]) -> Result<(), PasswordError> {
    let length = password.chars().count();
    if length < LENGTH_MIN {
        return Err(PasswordError::TooShort { min: LENGTH_MIN });
    }
    if length > LENGTH_MAX {
        return Err(PasswordError::TooLong { max: LENGTH_MAX });
    }
    let password = Zeroizing::new(password.to_lowercase());
    let name = name.as_str().to_ascii_lowercase();
    // A name of one or two letters is in many a good password.
    let is_named = name.len() >= 3 && password.contains(&name);
    if is_named || is_common(&password) || is_repetition(&password) {
        return Err(PasswordError::Common);
    }
    if is_guessable(&password, &name, site) {
        return Err(PasswordError::Guessable);
    }
    Ok(())
}

/// Whether it is guessed within 10^8 tries by one who knows the common passwords, words and names
/// (30,000 of each, in the crate `zxcvbn`), dates, rows of keys, and this site's words.
fn is_guessable(password: &str, name: &str, site: &[String]) -> bool {
    let mut known: Vec<&str> = SITE.to_vec();
    known.push(name);
    // A host or an address is tried in its parts, too.
    for word in site {
        known.push(word);
        known.extend(
            word.split(|c: char| !c.is_alphanumeric())
                .filter(|it| it.len() >= 3),
        );
    }
    let start: String = password.chars().take(LOOKED_AT).collect();
    // Dates and telephone numbers, most of them.
    let is_number = password.len() < NUMBER_MIN && !password.contains(char::is_alphabetic);
    is_number
        || is_of_the_site(&start, &known)
        || zxcvbn::zxcvbn(&start, &known).score() < zxcvbn::Score::Three
}

/// Whether words of the site are most of it: what is left has fewer than six letters.
fn is_of_the_site(password: &str, known: &[&str]) -> bool {
    let mut words: Vec<_> = known.iter().map(|word| word.to_lowercase()).collect();
    // The longest first: a host's name before its parts.
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let mut rest = password.to_owned();
    for word in words.iter().filter(|word| !word.is_empty()) {
        rest = rest.replace(word.as_str(), "");
    }
    let letters = rest.chars().filter(|it| it.is_alphabetic()).count();
    rest.len() < password.len() && letters < 6
}

/// On the list, as it is or without the digits and signs people put at the end to please a rule.
fn is_common(password: &str) -> bool {
    let stem = password.trim_end_matches(|c: char| !c.is_alphabetic());
    COMMON
        .lines()
        .any(|common| common == password || (!stem.is_empty() && common == stem))
}

/// A common password, or a few characters, said several times.
fn is_repetition(password: &str) -> bool {
    let chars: Vec<char> = password.chars().collect();
    let repeats = |period: usize| {
        chars
            .iter()
            .zip(chars.iter().skip(period))
            .all(|(a, b)| a == b)
    };
    if (1..=4).any(repeats) {
        return true;
    }
    (5..=chars.len() / 2)
        .any(|period| repeats(period) && is_common(&chars.iter().take(period).collect::<String>()))
}

fn hash(password: &[u8]) -> Result<String, StoreError> {
    // The defaults are argon2id version 19 with 19 MiB, two passes, one lane.
    Argon2::default()
        .hash_password(password)
        .map(|hash| hash.to_string())
        .map_err(|error| StoreError::damaged("password", error))
}

/// Whether it is right, under our hash or under one that was brought along. Whatever is stored, the work
/// is one argon2id and one bcrypt of each of `costs`.
fn verify_any(password: &[u8], stored: &str, costs: &[u32]) -> bool {
    let imported = import::cost_of(stored);
    let ours = if imported.is_none() { stored } else { DUMMY };
    let mut is_right = verify(password, ours) && imported.is_none();
    for cost in costs {
        if imported == Some(*cost) && !password.contains(&0) {
            is_right = bcrypt::verify(password, stored).unwrap_or(false);
        } else {
            let _the_same_work = bcrypt::hash_with_salt(password, *cost, [0; 16]).is_ok();
        }
    }
    is_right
}

fn verify(password: &[u8], stored: &str) -> bool {
    PasswordHash::new(stored)
        .is_ok_and(|stored| Argon2::default().verify_password(password, &stored).is_ok())
}

impl Store {
    /// Checks a new password and hashes it.
    pub(super) async fn check_and_hash(
        &self,
        name: &UserName,
        password: &Secret,
    ) -> Result<String, StoreError> {
        let text = std::str::from_utf8(password.expose())
            .map_err(|_| StoreError::Conflict("a password must be UTF-8 text".to_owned()))?;
        self.check_password(name, text)?;
        let password = password.clone();
        self.hashing(move || hash(password.expose())).await?
    }

    /// What a right password is kept as from now on, where its hash was brought along; with whether it
    /// would be taken as a new one. None: the hash is ours.
    pub(super) async fn rehashed(
        &self,
        name: &UserName,
        password: &Secret,
        stored: &str,
    ) -> Result<Option<(String, bool)>, StoreError> {
        if import::cost_of(stored).is_none() {
            return Ok(None);
        }
        let text = std::str::from_utf8(password.expose()).unwrap_or_default();
        let is_good = self.check_password(name, text).is_ok();
        let password = password.clone();
        let fresh = self.hashing(move || hash(password.expose())).await??;
        Ok(Some((fresh, is_good)))
    }

    /// Hashes what is no person's password, unchecked.
    pub(super) async fn hash_unknown(&self) -> Result<String, StoreError> {
        let unknown = Keyring::random::<32>();
        self.hashing(move || hash(&unknown)).await?
    }

    /// Compares a password with a stored hash, or with the dummy. The dummy's answer is no.
    pub(super) async fn verify_password(
        &self,
        password: &Secret,
        stored: Option<String>,
    ) -> Result<bool, StoreError> {
        // Hashing what no account can have would only cost time; the work stays the same.
        let length = password.expose().len().min(LENGTH_MAX * 4);
        let is_possible = length == password.expose().len();
        let password = Secret::new(password.expose()[..length].to_vec());
        let costs = self.imported_costs().await?;
        self.hashing(move || {
            let stored_or_dummy = stored.as_deref().unwrap_or(DUMMY);
            let is_right = verify_any(password.expose(), stored_or_dummy, &costs);
            is_right && is_possible && stored.is_some()
        })
        .await
    }

    /// Runs a hash beside the async threads, a few at a time: each takes 19 MiB.
    async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let failed =
            |why: &str| StoreError::Conflict(format!("the password was not hashed: {why}"));
        let _permit = self
            .inner
            .hashing
            .acquire()
            .await
            .map_err(|_| failed("Redkeep is stopping"))?;
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| failed("the hash broke off; try again"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_for_ann(password: &str) -> Result<(), PasswordError> {
        check(&"annika".parse().unwrap(), password, &[])
    }

    #[test]
    fn passwords_attackers_try_first_are_refused() {
        for password in [
            "password1234",
            "Password!2024",
            "QWERTYUIOP123",
            "administrator",
            "letmein12345",
            "xxxxxxxxxxxx",
            "abcabcabcabc",
            "my-Annika-pass",
            "123456789012",
            "dragondragon",
        ] {
            assert_eq!(
                check_for_ann(password),
                Err(PasswordError::Common),
                "{password}"
            );
        }
        assert_eq!(check_for_ann("tram oyster dial"), Ok(()));
    }

    #[test]
    fn words_of_the_site_and_rows_of_keys_are_soon_guessed() {
        let site = [
            "keep.pump-house.example".to_owned(),
            "mixing-line".to_owned(),
        ];
        let of = |password: &str| check(&"annika".parse().unwrap(), password, &site);
        for password in [
            "pump-house-2024",
            "Pump.House.Example",
            "mixing-line-1",
            "redkeepnodered",
            "zxcvbnm,./asdf",
            "michaeljennifer",
            "12.12.1984-1985",
            "p@ssw0rdp@ssw0rd1",
        ] {
            let refused = of(password);
            let is_refused = matches!(
                refused,
                Err(PasswordError::Guessable | PasswordError::Common)
            );
            assert!(is_refused, "{password}: {refused:?}");
        }
        let words = of("pump-house-2024").unwrap_err().to_string();
        assert!(words.contains("four or five words"), "{words}");
        for good in [
            "tram oyster dial",
            "seven green miles to walk",
            "vK9-qLr2_xTz81",
        ] {
            assert_eq!(of(good), Ok(()), "{good}");
        }
        // A word of the site within a good password spoils nothing.
        assert_eq!(of("pump tram oyster dial"), Ok(()));
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(
            check_for_ann("ünïcödépäs"),
            Err(PasswordError::TooShort { min: 12 })
        );
        assert_eq!(
            check_for_ann(&"ab cd ef!".repeat(29)),
            Err(PasswordError::TooLong { max: 256 })
        );
    }

    #[test]
    fn hashes_are_argon2id_of_the_agreed_cost() {
        let stored = hash(b"tram oyster dial").unwrap();
        assert!(
            stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{stored}"
        );
        assert!(verify(b"tram oyster dial", &stored));
        assert!(!verify(b"tram oyster dia1", &stored));
        assert!(!verify(b"", "not a hash"));
        // A dummy that is no hash, or a cheaper one, would tell which names exist.
        assert!(PasswordHash::new(DUMMY).is_ok());
        let cost = |hash: &str| {
            hash.split('$')
                .take(4)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!((cost(DUMMY), DUMMY.len()), (cost(&stored), stored.len()));
    }

    #[test]
    fn the_list_is_lower_case_and_has_no_blank_line() {
        assert!(COMMON.lines().count() >= 300);
        for line in COMMON.lines() {
            assert!(
                !line.trim().is_empty() && line == line.to_lowercase(),
                "{line:?}"
            );
        }
    }
}
