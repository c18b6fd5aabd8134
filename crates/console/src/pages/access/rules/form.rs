//! A rule as its form has it.

use std::collections::BTreeSet;

use model::rules::{Area, Bearer, Bounds, Form, Method, Rule, SignedBy, Who};

use crate::csrf::Fields;

/// What stands in the form.
#[derive(Debug, Clone, Default)]
pub(crate) struct RuleForm {
    pub(super) is_new: bool,
    pub(super) place: String,
    pub(super) note: String,
    pub(super) instance: String,
    pub(super) from: String,
    pub(super) areas: BTreeSet<String>,
    pub(super) paths: String,
    pub(super) methods: BTreeSet<String>,
    pub(super) who: String,
    pub(super) roles: BTreeSet<String>,
    /// Of which authority a certificate is asked for, and for which name.
    pub(super) authority: String,
    pub(super) name: String,
    /// Empty: nothing has to be signed.
    pub(super) signature_header: String,
    pub(super) signature_secret: String,
    pub(super) signature_form: String,
    pub(super) signature_prefix: String,
    pub(super) tolerance_seconds: String,
    pub(super) requests_a_minute: String,
    pub(super) at_once: String,
    pub(super) body_bytes: String,
    pub(super) answer_seconds: String,
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |it| it.to_string())
}

fn lines<T: ToString>(values: &[T], between: &str) -> String {
    let values: Vec<_> = values.iter().map(ToString::to_string).collect();
    values.join(between)
}

impl RuleForm {
    /// An empty one, for a rule after the last.
    pub(super) fn new(place: usize) -> Self {
        Self {
            is_new: true,
            place: place.to_string(),
            who: "login".to_owned(),
            ..Self::default()
        }
    }

    /// That of a rule.
    pub(super) fn of(place: usize, rule: &Rule) -> Self {
        let (who, roles) = match &rule.who {
            Who::Nobody => ("nobody", BTreeSet::new()),
            Who::Login => ("login", BTreeSet::new()),
            Who::Token => ("token", BTreeSet::new()),
            Who::Public => ("public", BTreeSet::new()),
            Who::Certificate(_) => ("certificate", BTreeSet::new()),
            Who::Roles(roles) => ("roles", roles.iter().map(ToString::to_string).collect()),
        };
        let bounds = rule.bounds;
        let signed_by = rule.signed_by.as_ref();
        let bearer = match &rule.who {
            Who::Certificate(bearer) => Some(bearer),
            _ => None,
        };
        Self {
            authority: text(bearer.map(|it| &it.authority)),
            signature_header: text(signed_by.map(|it| &it.header)),
            signature_secret: text(signed_by.map(|it| &it.secret)),
            signature_form: text(signed_by.map(|it| it.form.as_str())),
            signature_prefix: text(signed_by.map(|it| &it.prefix)),
            tolerance_seconds: text(signed_by.and_then(|it| it.tolerance_seconds)),
            name: text(bearer.and_then(|it| it.name.as_ref())),
            is_new: false,
            place: place.to_string(),
            note: rule.note.clone(),
            instance: text(rule.instance.as_ref()),
            from: lines(&rule.from, ", "),
            areas: rule.areas.iter().map(|it| it.as_str().to_owned()).collect(),
            paths: lines(&rule.paths, "\n"),
            methods: rule
                .methods
                .iter()
                .map(|it| it.as_str().to_owned())
                .collect(),
            who: who.to_owned(),
            roles,
            requests_a_minute: text(bounds.requests_a_minute),
            at_once: text(bounds.at_once),
            body_bytes: text(bounds.body_bytes),
            answer_seconds: text(bounds.answer_seconds),
        }
    }

    /// What was typed.
    pub(super) fn typed(fields: &Fields) -> Self {
        let one = |name: &str| fields.get(name).to_owned();
        let all = |name: &'static str| fields.all(name).map(str::to_owned).collect();
        Self {
            is_new: fields.get("do") == "add",
            place: one("place"),
            note: one("note"),
            instance: one("instance"),
            from: one("from"),
            areas: all("area"),
            paths: one("paths"),
            methods: all("method"),
            who: one("who"),
            roles: all("role"),
            authority: one("authority"),
            name: one("certificate_name"),
            signature_header: one("signature_header"),
            signature_secret: one("signature_secret"),
            signature_form: one("signature_form"),
            signature_prefix: one("signature_prefix"),
            tolerance_seconds: one("tolerance_seconds"),
            requests_a_minute: one("requests_a_minute"),
            at_once: one("at_once"),
            body_bytes: one("body_bytes"),
            answer_seconds: one("answer_seconds"),
        }
    }

    fn signed_by(&self) -> Result<Option<SignedBy>, String> {
        let header = self.signature_header.trim().to_ascii_lowercase();
        if header.is_empty() {
            return Ok(None);
        }
        let form = match self.signature_form.as_str() {
            "" => Form::default(),
            word => each(word)?,
        };
        Ok(Some(SignedBy {
            header,
            secret: self.signature_secret.trim().to_owned(),
            form,
            prefix: self.signature_prefix.trim().to_owned(),
            tolerance_seconds: number(&self.tolerance_seconds)?,
        }))
    }

    /// The rule it says, or what is wrong with it.
    pub(super) fn read(&self) -> Result<Rule, String> {
        let words = |text: &str| -> Vec<String> {
            text.split(|c: char| c == ',' || c.is_whitespace())
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let instance = match self.instance.as_str() {
            "" => None,
            name => Some(each(name)?),
        };
        let who = match self.who.as_str() {
            "nobody" => Who::Nobody,
            "login" => Who::Login,
            "token" => Who::Token,
            "public" => Who::Public,
            "certificate" => Who::Certificate(Bearer {
                authority: self.authority.trim().to_owned(),
                name: Some(self.name.trim().to_owned()).filter(|it| !it.is_empty()),
            }),
            "roles" => Who::Roles(every(&self.roles)?),
            _ => return Err("choose who may".to_owned()),
        };
        Ok(Rule {
            note: self.note.clone(),
            instance,
            from: every(words(&self.from))?,
            areas: every::<Area, BTreeSet<_>>(&self.areas)?,
            paths: every(words(&self.paths))?,
            methods: every::<Method, BTreeSet<_>>(&self.methods)?,
            who,
            signed_by: self.signed_by()?,
            bounds: Bounds {
                requests_a_minute: number(&self.requests_a_minute)?,
                at_once: number(&self.at_once)?,
                body_bytes: number(&self.body_bytes)?,
                answer_seconds: number(&self.answer_seconds)?,
            },
        })
    }
}

fn each<T>(text: &str) -> Result<T, String>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn every<T, C>(texts: impl IntoIterator<Item = impl AsRef<str>>) -> Result<C, String>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
    C: FromIterator<T>,
{
    texts.into_iter().map(|text| each(text.as_ref())).collect()
}

fn number<T: std::str::FromStr>(text: &str) -> Result<Option<T>, String> {
    match text {
        "" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|_| format!("{text:?} is no whole number from 1 that fits here")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_comes_back_from_its_form_as_it_was() {
        for text in [
            r#"{"who": "nobody"}"#,
            r#"{"areas": ["endpoints"], "who": "public", "signed_by": {"header": "x-hub-signature-256",
                "secret": "hub", "prefix": "sha256="}}"#,
            r#"{"areas": ["endpoints"], "who": "public", "signed_by": {"header": "stripe-signature",
                "secret": "shop", "form": "timestamped", "tolerance_seconds": 60}}"#,
            r#"{"areas": ["endpoints"], "who": {"certificate": {"authority": "plant"}}}"#,
            r#"{"areas": ["endpoints"],
                "who": {"certificate": {"authority": "plant", "name": "pump-3"}}}"#,
            r#"{"note": "panels", "instance": "main", "from": ["office", "10.0.0.0/8", "2001:db8::/32"],
                "areas": ["dashboard-2", "sign-in"], "paths": ["/dashboard", "/ui"],
                "methods": ["GET", "POST"], "who": {"roles": ["viewer", "auditor"]},
                "bounds": {"requests_a_minute": 60, "at_once": 5, "body_bytes": 1000,
                           "answer_seconds": 9}}"#,
        ] {
            let rule: Rule = serde_json::from_str(text).unwrap();
            assert_eq!(RuleForm::of(1, &rule).read().unwrap(), rule);
        }
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let form = |change: fn(&mut RuleForm)| {
            let mut form = RuleForm::new(1);
            change(&mut form);
            form.read().unwrap_err()
        };
        assert!(form(|it| it.from = "10.0.0.0/40".into()).contains("10.0.0.0/40"));
        assert!(form(|it| it.paths = "/a?b".into()).contains("/a?b"));
        assert!(form(|it| it.at_once = "0".into()).contains('0'));
        assert!(form(|it| it.who = String::new()).contains("who"));
    }
}
