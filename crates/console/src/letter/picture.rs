//! The picture in a letter: the first tab that changes, as PNG.

use deploy::Review;

use super::name;
use crate::frame::{Look, view};

/// The picture and its words; none where no tab changes or it could not be drawn.
pub(super) async fn of(review: Review) -> Option<(Vec<u8>, String)> {
    let drawn = tokio::task::spawn_blocking(move || {
        view(&review, &Look::default(), &[], |view| {
            let tab = review
                .proposal
                .get(view.tab)
                .or_else(|| review.base.get(view.tab));
            let label = tab.map_or_else(|| view.tab.to_owned(), |tab| tab.label());
            let alt = format!("The flow {} with its changes marked", name(&label));
            png(view).map(|png| (png, alt))
        })
    });
    drawn.await.ok().flatten().flatten()
}

/// Joined to the picture's PNG when there is one.
fn png(_view: &crate::picture::View<'_>) -> Option<Vec<u8>> {
    None
}
