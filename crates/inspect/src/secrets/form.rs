//! By what a secret is known: its form, its name, its randomness.

/// Secrets with a form of their own: what it is, how it begins, what follows, and how much of it.
const FORMS: [(&str, &str, Follows, usize); 30] = [
    ("an AWS access key", "AKIA", Follows::Capitals, 16),
    ("an AWS access key", "ASIA", Follows::Capitals, 16),
    ("a GitHub token", "ghp_", Follows::Word, 36),
    ("a GitHub token", "gho_", Follows::Word, 36),
    ("a GitHub token", "ghu_", Follows::Word, 36),
    ("a GitHub token", "ghs_", Follows::Word, 36),
    ("a GitHub token", "ghr_", Follows::Word, 36),
    ("a GitHub token", "github_pat_", Follows::Word, 50),
    ("a GitLab token", "glpat-", Follows::Dashed, 20),
    ("a Slack token", "xoxb-", Follows::Dashed, 20),
    ("a Slack token", "xoxp-", Follows::Dashed, 20),
    ("a Slack token", "xoxa-", Follows::Dashed, 20),
    ("a Slack token", "xoxr-", Follows::Dashed, 20),
    (
        "a Slack webhook",
        "hooks.slack.com/services/",
        Follows::Path,
        24,
    ),
    (
        "a Discord webhook",
        "discord.com/api/webhooks/",
        Follows::Path,
        40,
    ),
    ("a Google API key", "AIza", Follows::Dashed, 35),
    ("a Google OAuth secret", "GOCSPX-", Follows::Dashed, 20),
    ("a Stripe key", "sk_live_", Follows::Word, 16),
    ("a Stripe key", "rk_live_", Follows::Word, 16),
    ("a SendGrid key", "SG.", Follows::Token, 60),
    ("an npm token", "npm_", Follows::Word, 36),
    ("a PyPI token", "pypi-AgEI", Follows::Dashed, 40),
    ("an OpenAI key", "sk-proj-", Follows::Dashed, 40),
    ("an Anthropic key", "sk-ant-", Follows::Dashed, 40),
    ("a DigitalOcean token", "dop_v1_", Follows::Word, 60),
    ("a Vault token", "hvs.", Follows::Dashed, 24),
    ("an Azure storage key", "AccountKey=", Follows::Base64, 60),
    (
        "an Azure shared access key",
        "SharedAccessKey=",
        Follows::Base64,
        40,
    ),
    ("a TTN key", "NNSXS.", Follows::Token, 60),
    ("a signed token (JWT)", "eyJ", Follows::Jwt, 20),
];

/// Which characters a form goes on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follows {
    Capitals,
    Word,
    Dashed,
    Path,
    Token,
    Base64,
    Jwt,
}

impl Follows {
    fn takes(self, c: char) -> bool {
        match self {
            Self::Capitals => c.is_ascii_uppercase() || c.is_ascii_digit(),
            Self::Word => c.is_ascii_alphanumeric() || c == '_',
            Self::Dashed => c.is_ascii_alphanumeric() || c == '_' || c == '-',
            Self::Path => c.is_ascii_alphanumeric() || "_-/".contains(c),
            Self::Token | Self::Jwt => c.is_ascii_alphanumeric() || "_-.".contains(c),
            Self::Base64 => c.is_ascii_alphanumeric() || "+/=".contains(c),
        }
    }
}

/// Bytes of a run by which a placeholder such as `ghp_xxxxxxxx` is told.
const LOOKED_AT: usize = 64;

/// Secrets of a known form in `text`: where, what, and the secret. No two of one form overlap, so
/// that what is found is no longer than the text, however often it begins anew.
pub(super) fn known(text: &str) -> Vec<(usize, &'static str, &str)> {
    let mut found = Vec::new();
    for (what, start, follows, least) in FORMS {
        // Up to where the text has been looked at: what begins within a run ends where it does.
        let mut run_end = 0;
        let mut signed = Signed::default();
        let mut next = 0;
        for (at, _) in text.match_indices(start) {
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if at < next || text[..at].chars().next_back().is_some_and(is_part) {
                continue;
            }
            let from = at + start.len();
            if from >= run_end {
                let rest = &text[from..];
                run_end = from + rest.find(|c| !follows.takes(c)).unwrap_or(rest.len());
            }
            let end = match follows {
                Follows::Jwt => signed.end(text, from, run_end),
                Follows::Capitals => Some(run_end).filter(|end| end - from == least),
                _ => Some(run_end).filter(|end| end - from >= least),
            };
            let Some(end) = end else {
                continue;
            };
            if entropy(&text[from..end.min(from + LOOKED_AT)]) > 2.0 {
                found.push((at, what, &text[at..end]));
                next = end;
            }
        }
    }
    private_keys(text, &mut found);
    found
}

/// Signed tokens: three parts with dots between. What was said of a first part holds for all that
/// begins within it.
#[derive(Default)]
struct Signed {
    first_end: usize,
    end: Option<usize>,
}

impl Signed {
    /// The end of the token whose first part goes on at `from`, if it is one.
    fn end(&mut self, text: &str, from: usize, run_end: usize) -> Option<usize> {
        if from >= self.first_end {
            let part = |from: usize| {
                let rest = text.get(from..run_end).unwrap_or_default();
                from + rest.find('.').unwrap_or(rest.len())
            };
            self.first_end = part(from);
            let claims = self.first_end + 1;
            let is_token = text.get(claims..).is_some_and(|it| it.starts_with("eyJ"));
            let signature = part(claims) + 1;
            let end = part(signature);
            self.end = (is_token && end > signature).then_some(end);
        }
        self.end
    }
}

fn private_keys<'t>(text: &'t str, found: &mut Vec<(usize, &'static str, &'t str)>) {
    const BEGIN: &str = "-----BEGIN ";
    let mut next = 0;
    for (at, _) in text.match_indices(BEGIN) {
        if at < next {
            continue;
        }
        let rest = &text[at + BEGIN.len()..];
        let title = rest.split("-----").next().unwrap_or("");
        next = at + BEGIN.len() + title.len();
        if title.len() < 40 && title.ends_with("PRIVATE KEY") {
            let end = text.get(next..).and_then(|rest| rest.find("-----END"));
            let end = end.map_or(text.len(), |end| next + end);
            found.push((at, "a private key", &text[at..end]));
            next = end;
        }
    }
}

/// Addresses that carry a password, `scheme://user:password@host`: where, and the password.
pub(super) fn open_urls(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let end = |c: char| c.is_whitespace() || "/?#\"'`<>".contains(c);
        let authority = text[at + 3..].split(end).next().unwrap_or("");
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        if let Some((_, password)) = user.and_then(|user| user.split_once(':'))
            && is_open(password)
        {
            found.push((at, password));
        }
    }
    found
}

/// Whether things of this name are secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name: String = name.rsplit('.').next().unwrap_or("").to_ascii_lowercase();
    let name = name.replace(['_', '-', ' '], "");
    let ends = [
        "password",
        "passwd",
        "passwort",
        "pwd",
        "passphrase",
        "secret",
        "secretkey",
        "token",
        "apikey",
        "accesskey",
        "privatekey",
        "authkey",
        "appkey",
        "credential",
        "credentials",
        "authorization",
    ];
    ends.into_iter().any(|end| name.ends_with(end)) || name == "pass"
}

/// Whether a value is itself the secret, and not the name of something that holds it, nor a word
/// that stands for "none".
pub(super) fn is_open(value: &str) -> bool {
    let value = value.trim();
    let reference = [
        "${", "$(", "{{", "<", "%", "msg.", "env.", "flow.", "global.", "payload",
    ];
    let none = [
        "true",
        "false",
        "null",
        "undefined",
        "none",
        "string",
        "text",
        "password",
        "token",
        "str",
        "bearer",
        "basic",
    ];
    !value.is_empty()
        && !reference.into_iter().any(|it| value.starts_with(it))
        && !none.contains(&value.to_ascii_lowercase().as_str())
        && value != "__PWRD__"
        && value
            .chars()
            .any(|c| !matches!(c, '*' | 'x' | 'X' | '.' | '-' | '•'))
}

/// Whether a text is one long word that looks drawn by lot: letters of both cases and digits, long,
/// with few repeats. Ids, digests (one case only) and words joined together are none.
pub(super) fn is_random(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
    if !(32..=512).contains(&text.len()) || !text.chars().all(is_part) {
        return false;
    }
    let has = |test: fn(&char) -> bool| text.chars().filter(test).count() >= 3;
    let mixed =
        has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase) && has(char::is_ascii_digit);
    // Names such as `TemperatureSensor2-Building7` change kind seldom.
    let kind = |c: char| {
        (
            c.is_ascii_lowercase(),
            c.is_ascii_uppercase(),
            c.is_ascii_digit(),
        )
    };
    let pairs = text.chars().zip(text.chars().skip(1));
    let turns = pairs
        .filter(|(one, other)| kind(*one) != kind(*other))
        .count();
    mixed && turns * 3 > text.len() && entropy(text) > 4.2
}

/// Shannon's entropy, in bits a character.
#[expect(
    clippy::cast_precision_loss,
    reason = "texts are far shorter than 2^52"
)]
fn entropy(text: &str) -> f64 {
    let mut counts = [0_usize; 256];
    for byte in text.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let all = text.len() as f64;
    let part = |count: &usize| {
        let share = *count as f64 / all;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(part).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(text: &str) -> Vec<&str> {
        known(text).into_iter().map(|(_, _, it)| it).collect()
    }

    #[test]
    fn secrets_are_found_where_they_begin_and_end() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N";
        for (text, expected) in [
            (format!("Bearer {jwt}"), jwt),
            // A dot after it, as at the end of a sentence, is no fourth part.
            (format!("Use {jwt}. Then go on"), jwt),
            ("see -----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----".to_owned(), "-----BEGIN PRIVATE KEY-----\nMIIE\n"),
            ("x -----BEGIN RSA PRIVATE KEY".to_owned(), "-----BEGIN RSA PRIVATE KEY"),
            ("xoxb-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx xoxb-2718281828-Rf5tGy6Hu7J".to_owned(), "xoxb-2718281828-Rf5tGy6Hu7J"),
        ] {
            assert_eq!(secrets(&text), [expected], "{text}");
        }
        assert!(secrets("eyJhbGci.eyJzdWIi").is_empty());
        assert!(secrets("ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx").is_empty());
    }

    /// Each of these begins a secret anew every few bytes, each of which would reach to the end of
    /// the text: what is found together is no longer than the text.
    #[test]
    fn secrets_that_begin_within_another_are_found_once() {
        for (start, more) in [
            ("-xoxb-1a2b3c4d", ""),
            ("-sk-proj-1a2b3c4d", ""),
            (".SG.Q1w2", ""),
            ("+AccountKey=Q1w2", ""),
            ("-eyJa1", ".eyJb2.c3"),
            (".eyJa1b2.eyJb2c3", ""),
            ("-----BEGIN PRIVATE KEY-----", ""),
            ("-----BEGIN ", "PRIVATE KEY-----"),
        ] {
            let text = start.repeat(5_000) + more;
            let told: usize = secrets(&text).iter().map(|it| it.len()).sum();
            assert!(told <= text.len(), "{start}: {told} of {}", text.len());
        }
    }
}
