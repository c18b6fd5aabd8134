//! One root taking another's place, with a time in which both are good.

use model::clock::Timestamp;
use sandbox::folder::Folder;

use super::{Authority, DAY, Rotation, make};
use crate::certificate::CertificateError;

/// Days of the shortest and the longest overlap: nobody walks round a plant in an hour, and a root
/// that is to be retired should be.
pub(crate) const DAYS: std::ops::RangeInclusive<u16> = 1..=366;

impl Authority {
    /// Makes a new root, which the old one vouches for until `days` have passed: what trusts either
    /// of them trusts the leafs issued from now on. Then the old one and its key are gone.
    pub(crate) fn rotate(
        &mut self,
        folder: &Folder,
        days: u16,
        now: Timestamp,
    ) -> Result<(), CertificateError> {
        if !DAYS.contains(&days) {
            let why = format!("the overlap has {} to {} days", DAYS.start(), DAYS.end());
            return Err(CertificateError::Refused(why));
        }
        if let Some(rotation) = &self.kept.rotation {
            return Err(CertificateError::Refused(format!(
                "a rotation is under way until {}: wait for its end, or take it back with `redkeep \
                 ca cancel`",
                rotation.until
            )));
        }
        let names = &self.kept.names;
        let until = now.plus_seconds(i64::from(days) * DAY);
        let root = make::root(names, now)?;
        let cross = make::cross(names, (&self.kept.root, &root), (now, until))?;
        self.kept.issuing = make::issuing(names, &root, now, make::ISSUING_SECONDS)?;
        let old = std::mem::replace(&mut self.kept.root, root);
        self.kept.rotation = Some(Rotation { old, cross, until });
        self.save(folder)
    }

    /// Back to the old root; the new one and its key are gone.
    pub(crate) fn cancel_rotation(
        &mut self,
        folder: &Folder,
        now: Timestamp,
    ) -> Result<(), CertificateError> {
        let Some(rotation) = self.kept.rotation.take() else {
            let why = "no rotation is under way".to_owned();
            return Err(CertificateError::Refused(why));
        };
        self.kept.root = rotation.old;
        let (names, root) = (&self.kept.names, &self.kept.root);
        self.kept.issuing = make::issuing(names, root, now, make::ISSUING_SECONDS)?;
        self.save(folder)
    }
}
