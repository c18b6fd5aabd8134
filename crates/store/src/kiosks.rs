//! Wall displays: sessions that last, look and no more, and are opened by a one-time link.

use std::net::IpAddr;

use data_encoding::BASE64URL_NOPAD;
use model::{
    access::Role,
    audit::EventKind,
    clock::Timestamp,
    id::{InstanceId, KioskId, SessionId, UserId, UserName},
    principal::{Actor, Principal, Via},
    rules::Source,
};
use serde_json::json;
use sqlx::{Row as _, sqlite::SqliteRow};

use crate::{
    Keyring, SessionSecret, Store, StoreError,
    accounts::user_in,
    elsewhere::check_networks,
    json::{self, read_word},
    open::Change,
    session_cache::Found,
    sessions::{agent_of, secret_digest},
};

/// What the secret of every wall display begins with: by it a cookie is known for one.
const PREFIX: &str = "kiosk-";
/// How long a link is good: a day.
pub(crate) const LINK_SECONDS: i64 = 86_400;
/// How long a display may last without being used: a year.
const LIFE_MAX_SECONDS: i64 = 366 * 24 * 3600;
/// Displays of an installation.
const KIOSKS_MAX: i64 = 500;
/// Characters of a name.
const NAME_CHARS: usize = 60;
/// Bytes of the path it opens.
const PATH_MAX: usize = 500;
/// How often it is written down that a display is used.
const SEEN_EVERY_SECONDS: i64 = 60;

const SELECT: &str = "SELECT kiosks.id, kiosks.user_id, users.name AS owner, kiosks.name, instance, \
     networks, path, life_seconds, made_at, link_until, session, sessions.created_at AS opened_at, \
     last_seen_at, expires_at, address, agent FROM kiosks \
     JOIN users ON users.id = kiosks.user_id LEFT JOIN sessions ON sessions.id = kiosks.session";

/// A wall display to be made.
#[derive(Debug, Clone)]
pub struct NewKiosk {
    /// What it is called, such as the place where it hangs.
    pub name: String,
    /// Before which instance it is good.
    pub instance: InstanceId,
    /// From where it may be used; empty: from anywhere.
    pub networks: Vec<Source>,
    /// What it opens: a path on the gate.
    pub path: String,
    /// How long it lives without being used, at most a year.
    pub life_seconds: i64,
}

/// A wall display as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Kiosk {
    /// Its number.
    pub id: KioskId,
    /// Whose: with this user it goes.
    pub user: UserId,
    /// That user's name.
    pub user_name: UserName,
    /// What it is called.
    pub name: String,
    /// Before which instance it is good.
    pub instance: InstanceId,
    /// From where it may be used; empty: from anywhere.
    pub networks: Vec<Source>,
    /// What it opens.
    pub path: String,
    /// How long it lives without being used.
    pub life_seconds: i64,
    /// Since when.
    pub made_at: Timestamp,
    /// Until when its link can be opened; none once it was.
    pub link_until: Option<Timestamp>,
    /// Its session, once it was opened.
    pub session: Option<SessionId>,
    /// When it was opened.
    pub opened_at: Option<Timestamp>,
    /// Last used (to the minute).
    pub last_seen_at: Option<Timestamp>,
    /// When it ends, unless it is used.
    pub expires_at: Option<Timestamp>,
    /// From where it was opened.
    pub address: Option<IpAddr>,
    /// The browser, as it named itself; cut to 200 characters.
    pub agent: Option<String>,
}

fn read_kiosk(row: &SqliteRow) -> Result<Kiosk, StoreError> {
    let what = "wall display";
    let owner: String = row.try_get("owner")?;
    let instance: String = row.try_get("instance")?;
    let networks: String = row.try_get("networks")?;
    let address: Option<String> = row.try_get("address")?;
    let time = |column: &str| {
        let at: Result<Option<i64>, sqlx::Error> = row.try_get(column);
        at.map(|at| at.map(Timestamp))
    };
    let address = address.map(|text| text.parse()).transpose();
    Ok(Kiosk {
        id: KioskId(row.try_get("id")?),
        user: UserId(row.try_get("user_id")?),
        user_name: read_word(what, &owner)?,
        name: row.try_get("name")?,
        instance: read_word(what, &instance)?,
        networks: json::read(what, &networks)?,
        path: row.try_get("path")?,
        life_seconds: row.try_get("life_seconds")?,
        made_at: Timestamp(row.try_get("made_at")?),
        link_until: time("link_until")?,
        session: row.try_get::<Option<i64>, _>("session")?.map(SessionId),
        opened_at: time("opened_at")?,
        last_seen_at: time("last_seen_at")?,
        expires_at: time("expires_at")?,
        address: address.map_err(|error| StoreError::damaged(what, error))?,
        agent: row.try_get("agent")?,
    })
}

fn subject(id: KioskId) -> String {
    format!("wall display {id}")
}

fn checked(new: NewKiosk) -> Result<NewKiosk, StoreError> {
    let wrong = |why: &str| Err(StoreError::Conflict(why.to_owned()));
    let name: String = new
        .name
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    if name.is_empty() || name.chars().count() > NAME_CHARS {
        return wrong("say in 1 to 60 characters where the display hangs");
    }
    let is_path = new.path.starts_with('/')
        && !new.path.starts_with("//")
        && new.path.len() <= PATH_MAX
        && new.path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if !is_path {
        return wrong("what it opens is a path on the gate, such as /dashboard");
    }
    if !(60..=LIFE_MAX_SECONDS).contains(&new.life_seconds) {
        return wrong("a display lasts a minute to a year without being used");
    }
    check_networks(&new.networks)?;
    Ok(NewKiosk { name, ..new })
}

impl Change<'_> {
    async fn kiosk(&mut self, id: KioskId) -> Result<Kiosk, StoreError> {
        let query = sqlx::AssertSqlSafe(format!("{SELECT} WHERE kiosks.id = ?"));
        let row = sqlx::query(query)
            .bind(id.0)
            .fetch_optional(self.db())
            .await?;
        let row = row.ok_or_else(|| StoreError::NotFound(subject(id)))?;
        read_kiosk(&row)
    }

    async fn prune_kiosks(&mut self) -> Result<(), StoreError> {
        let now = self.now;
        sqlx::query("DELETE FROM kiosks WHERE session IS NULL AND link_until <= ?")
            .bind(now.0)
            .execute(self.db())
            .await?;
        self.prune_sessions().await
    }
}

impl Store {
    /// How long a wall display's link can be opened: a day.
    pub const KIOSK_LINK_SECONDS: i64 = LINK_SECONDS;

    /// Makes a wall display of `user`; the second value is the secret of its link, shown once.
    ///
    /// Errors: `Conflict` with what is wrong about it.
    pub async fn make_kiosk(
        &self,
        user: UserId,
        new: NewKiosk,
        by: &Actor,
    ) -> Result<(Kiosk, String), StoreError> {
        let new = checked(new)?;
        let secret = BASE64URL_NOPAD.encode(&Keyring::random::<32>());
        let mut change = self.begin().await?;
        change.prune_kiosks().await?;
        let owner = user_in(change.db(), user).await?;
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM kiosks")
            .fetch_one(change.db())
            .await?;
        if count >= KIOSKS_MAX {
            let why = format!("there are {KIOSKS_MAX} wall displays already; revoke some first");
            return Err(StoreError::Conflict(why));
        }
        let now = change.now;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO kiosks (user_id, name, instance, networks, path, life_seconds, made_at, \
             link, link_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(user.0)
        .bind(&new.name)
        .bind(new.instance.as_str())
        .bind(json::canonical(&new.networks))
        .bind(&new.path)
        .bind(new.life_seconds)
        .bind(now.0)
        .bind(secret_digest(&secret).to_string())
        .bind(now.plus_seconds(LINK_SECONDS).0)
        .fetch_one(change.db())
        .await?;
        let kiosk = change.kiosk(KioskId(id)).await?;
        let detail = json!({
            "user": owner.name, "name": kiosk.name, "networks": kiosk.networks, "path": kiosk.path,
        });
        let (kind, about) = (EventKind::KioskMade, subject(kiosk.id));
        change
            .append(kind, by, Some(&kiosk.instance), &about, detail)
            .await?;
        change.commit().await?;
        Ok((kiosk, secret))
    }

    /// Opens a wall display with its link, once; the secret for its cookie and the path it opens. None
    /// when the link was used, is out of date, or is for another instance or network.
    pub async fn open_kiosk(
        &self,
        link: &str,
        instance: &InstanceId,
        from: IpAddr,
        agent: &str,
    ) -> Result<Option<(SessionSecret, String)>, StoreError> {
        let rules = self.access_rules().await?.rules;
        let mut change = self.begin().await?;
        let now = change.now;
        let query = sqlx::AssertSqlSafe(format!(
            "{SELECT} WHERE link = ? AND link_until > ? AND session IS NULL AND instance = ?"
        ));
        let row = sqlx::query(query)
            .bind(secret_digest(link).to_string())
            .bind(now.0)
            .bind(instance.as_str())
            .fetch_optional(change.db())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let kiosk = read_kiosk(&row)?;
        if !rules.is_within(&kiosk.networks, from) {
            return Ok(None);
        }
        let secret = format!(
            "{PREFIX}{}",
            BASE64URL_NOPAD.encode(&Keyring::random::<32>())
        );
        let session: i64 = sqlx::query_scalar(
            "INSERT INTO sessions (digest, user_id, kind, created_at, last_seen_at, expires_at, \
             address, agent) VALUES (?, ?, 'kiosk', ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(secret_digest(&secret).to_string())
        .bind(kiosk.user.0)
        .bind(now.0)
        .bind(now.0)
        .bind(now.plus_seconds(kiosk.life_seconds).0)
        .bind(from.to_string())
        .bind(agent_of(agent))
        .fetch_one(change.db())
        .await?;
        sqlx::query("UPDATE kiosks SET session = ?, link = NULL, link_until = NULL WHERE id = ?")
            .bind(session)
            .bind(kiosk.id.0)
            .execute(change.db())
            .await?;
        let by = Actor::Anonymous {
            address: Some(from),
        };
        let detail = json!({ "user": kiosk.user_name, "name": kiosk.name });
        let about = subject(kiosk.id);
        change
            .append(EventKind::KioskOpened, &by, Some(instance), &about, detail)
            .await?;
        change.commit().await?;
        Ok(Some((SessionSecret(secret), kiosk.path)))
    }

    /// Whether this is the secret of a wall display's session.
    pub fn is_kiosk_secret(secret: &str) -> bool {
        secret.starts_with(PREFIX)
    }

    /// Who a wall display's cookie stands for: its owner, as a viewer, whatever they are. None when
    /// unknown, ended, revoked, of another instance, or used from elsewhere, which is recorded.
    /// Being used renews it.
    pub async fn kiosk_principal(
        &self,
        secret: &str,
        instance: &InstanceId,
        from: IpAddr,
    ) -> Result<Option<Principal>, StoreError> {
        let Some(found) = self.kiosk_found(secret).await? else {
            return Ok(None);
        };
        if found.instance.as_ref() != Some(instance) {
            return Ok(None);
        }
        let Via::KioskSession { session } = found.principal.via else {
            return Ok(None);
        };
        let about = format!("session {session}");
        let is_here = self.is_here(&found, Some(from), &about).await?;
        Ok(is_here.then_some(found.principal))
    }

    async fn kiosk_found(&self, secret: &str) -> Result<Option<Found>, StoreError> {
        let now = self.clock.now();
        let key = (secret_digest(secret), "kiosk");
        // Counted before reading: what is revoked while we read makes the answer void.
        let revocations = *self.inner.revocations.borrow();
        if let Some(found) = self.inner.session_cache.get(key, revocations, now) {
            return Ok(Some(found));
        }
        let query = sqlx::AssertSqlSafe(format!(
            "{SELECT} WHERE digest = ? AND kind = 'kiosk' AND expires_at > ?"
        ));
        let row = sqlx::query(query)
            .bind(key.0.to_string())
            .bind(now.0)
            .fetch_optional(self.read())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let kiosk = read_kiosk(&row)?;
        let (Some(session), Some(seen), Some(until)) =
            (kiosk.session, kiosk.last_seen_at, kiosk.expires_at)
        else {
            return Ok(None);
        };
        if now.seconds_since(seen) >= SEEN_EVERY_SECONDS {
            self.note_use(
                "UPDATE sessions SET last_seen_at = ?1, expires_at = ?1 + 1000 * \
                 (SELECT life_seconds FROM kiosks WHERE session = ?2) WHERE id = ?2",
                session.0,
            )
            .await;
        }
        let principal = Principal {
            user: kiosk.user,
            name: kiosk.user_name,
            role: Role::Viewer,
            via: Via::KioskSession { session },
        };
        let found = Found {
            networks: kiosk.networks,
            instance: Some(kiosk.instance),
            ..Found::anywhere(principal, Timestamp(0))
        };
        let cache = &self.inner.session_cache;
        cache.put(key, found.clone(), revocations, now, until);
        Ok(Some(found))
    }

    /// The wall displays there are, opened or not, newest first.
    pub async fn kiosks(&self) -> Result<Vec<Kiosk>, StoreError> {
        let now = self.clock.now();
        let query = sqlx::AssertSqlSafe(format!(
            "{SELECT} WHERE link_until > ? OR expires_at > ? ORDER BY kiosks.id DESC"
        ));
        let rows = sqlx::query(query)
            .bind(now.0)
            .bind(now.0)
            .fetch_all(self.read())
            .await?;
        rows.iter().map(read_kiosk).collect()
    }

    /// Revokes a wall display: its link, or its session with the live connections.
    pub async fn revoke_kiosk(&self, id: KioskId, by: &Actor) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let kiosk = change.kiosk(id).await?;
        sqlx::query("DELETE FROM kiosks WHERE id = ?")
            .bind(id.0)
            .execute(change.db())
            .await?;
        sqlx::query("DELETE FROM sessions WHERE id = ?")
            .bind(kiosk.session.map_or(0, |session| session.0))
            .execute(change.db())
            .await?;
        let detail = json!({ "user": kiosk.user_name, "kind": "kiosk", "name": kiosk.name });
        let (kind, about) = (EventKind::SessionRevoked, subject(id));
        change
            .append(kind, by, Some(&kiosk.instance), &about, detail)
            .await?;
        change.revokes = true;
        change.commit().await
    }
}
