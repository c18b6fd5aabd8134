//! People: a name, a password, and the way through the two doors.

use crate::{Client, Redkeep, html};

/// The host names the two origins have in tests.
pub const GATE_HOST: &str = "localhost";
/// See [`GATE_HOST`].
pub const CONSOLE_HOST: &str = "keep.localhost";

/// Somebody.
#[derive(Debug, Clone)]
pub struct Person {
    /// The login name.
    pub name: String,
    /// The password.
    pub password: String,
}

impl Redkeep {
    /// A person with this role, a password and no second factor.
    pub async fn person(&self, name: &str, role: &str) -> Person {
        let person = Person::named(name);
        let arguments = [
            "user",
            "add",
            name,
            "--role",
            role,
            "--password-stdin",
            "--no-second-factor",
        ];
        self.verb(&arguments, Some(&person.password)).await.ok();
        person
    }

    /// A client that acts by a new token of this user.
    pub async fn token(&self, user: &str, scopes: &[&str]) -> Client {
        let mut arguments = vec!["token", "create", "--user", user];
        for scope in scopes {
            arguments.extend(["--scope", scope]);
        }
        let made = self.cli(&arguments).await.ok().json();
        self.client()
            .with_bearer(made["secret"].as_str().expect("the token's secret"))
    }
}

impl Person {
    /// One of this name, with the password everybody has here.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            password: "seven green miles to walk".to_owned(),
        }
    }

    /// Signs in to the console; gives a client with the session.
    pub async fn at_console(&self, redkeep: &Redkeep) -> Client {
        let client = redkeep.client();
        let answer = self.sign_in(&client, redkeep, &[]).await;
        assert_eq!(
            answer.status,
            303,
            "{} could not sign in: {}",
            self.name,
            answer.text()
        );
        client
    }

    /// Sends the sign-in form once.
    pub async fn sign_in(
        &self,
        client: &Client,
        redkeep: &Redkeep,
        hidden: &[(String, String)],
    ) -> crate::Answer {
        let mut fields = hidden.to_vec();
        fields.push(("name".to_owned(), self.name.clone()));
        fields.push(("password".to_owned(), self.password.clone()));
        let url = format!("{}/sign-in", redkeep.console());
        client.ask("POST", url).form(&fields).send().await
    }

    /// Opens the editor as a browser would: by way of the console's sign-in. Gives a client with
    /// both sessions.
    pub async fn at_editor(&self, redkeep: &Redkeep) -> Client {
        let client = redkeep.client();
        let asked = navigate(&client, &format!("{}/", redkeep.editor())).await;
        let sign_in = asked.header("location").to_owned();
        assert!(
            sign_in.starts_with(redkeep.console()),
            "the editor did not send to the console: {} {sign_in}",
            asked.status
        );
        let mut page = navigate(&client, &sign_in).await.expect(200).text();
        if let Some(next) = html::refresh(&page) {
            page = navigate(&client, &absolute(redkeep.console(), &next))
                .await
                .expect(200)
                .text();
        }
        let answer = self
            .sign_in(&client, redkeep, &html::hidden(&page))
            .await
            .expect(200);
        let enter = html::refresh(&answer.text()).expect("the way into the gate");
        assert!(enter.starts_with(redkeep.editor()), "{enter}");
        let entered = navigate(&client, &enter).await;
        assert!(
            (300..400).contains(&entered.status),
            "{}: {}",
            entered.status,
            entered.text()
        );
        client
    }
}

/// What a browser sends when somebody follows a link from another site.
pub async fn navigate(client: &Client, url: &str) -> crate::Answer {
    client
        .ask("GET", url)
        .header("accept", "text/html")
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document")
        .header("sec-fetch-site", "same-site")
        .send()
        .await
}

fn absolute(origin: &str, address: &str) -> String {
    if address.starts_with('/') {
        format!("{origin}{address}")
    } else {
        address.to_owned()
    }
}
