//! Roles the configuration names. A custom role is kept in the ledger, so that only whoever has both
//! can tell a role from a typing error.

use model::access::Role;

use super::Config;

/// What to do about a role that there is none of.
pub(crate) const WAY: &str = "write its name as `redkeep role list` shows it, or make it under \
                              Access, Roles in the console";

impl Config {
    /// Of the roles it names those that are not among `known`, each once. Nobody holds such a role:
    /// what is demanded of it is demanded of nobody.
    pub(crate) fn roles_beside(&self, known: &[String]) -> Vec<String> {
        let providers = self.oidc.iter();
        let given = providers.flat_map(|it| it.settings.roles.iter().map(|it| &it.role));
        let named = self.passkey_required.iter().chain(given);
        let mut beside: Vec<String> = named
            .map(Role::as_str)
            .filter(|name| !known.iter().any(|it| it == name))
            .map(str::to_owned)
            .collect();
        beside.sort_unstable();
        beside.dedup();
        beside
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    #[test]
    fn a_typing_error_is_told_from_a_role_once_and_a_role_made_here_is_one() {
        let text = "[login]\npasskey_required = ['reviever', 'auditor', 'operator']\n\
                    [[oidc]]\nname = 'keycloak'\nissuer = 'https://id.example'\nclient_id = 'x'\n\
                    roles = [{ group = 'a', role = 'reviever' }, { group = 'b', role = 'viewr' }]\n";
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("redkeep.toml"), text).unwrap();
        let config = Config::load(dir.path().to_owned(), Overrides::default()).unwrap();
        let known = ["viewer", "auditor", "operator"].map(str::to_owned);
        assert_eq!(config.roles_beside(&known), ["reviever", "viewr"]);
    }
}
