//! The picture in a letter: the first tab that changes, as PNG.

use deploy::Review;

use super::name;
use crate::{
    frame::{Look, view},
    picture::{Labels, Raster, Scheme, View, in_turn, png},
};

/// As wide as a letter is on a sharp screen; light, as most mail programs are.
const RASTER: Raster = Raster {
    scale: 2.0,
    width_max: Some(1_400),
    scheme: Scheme::Light,
};

/// The picture and its words; none where no tab changes or it could not be drawn.
pub(super) async fn of(review: Review) -> Option<(Vec<u8>, String)> {
    let drawn = in_turn(move || {
        view(&review, &Look::default(), &[], |view| {
            let tab = review.proposal.get(view.tab);
            let tab = tab.or_else(|| review.base.get(view.tab));
            let label = tab.map_or_else(|| view.tab.to_owned(), |tab| tab.label());
            let alt = format!("The flow {} with its changes marked", name(&label));
            let view = View {
                labels: Labels::Named,
                ..*view
            };
            match png(&view, &RASTER) {
                Ok(png) => Some((png, alt)),
                Err(error) => {
                    tracing::warn!(%error, "a mail goes without its picture");
                    None
                }
            }
        })
    });
    drawn.await.flatten().flatten()
}
