//! What is measured: a file for each kind of work.

pub(crate) mod hundred;
pub(crate) mod idle;
pub(crate) mod idle_workers;
pub(crate) mod million;
pub(crate) mod node_loss;
pub(crate) mod one;
pub(crate) mod placement;
pub(crate) mod port;
pub(crate) mod recover;
pub(crate) mod restart;
pub(crate) mod submit;

use crate::report::ratio::Trials;

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Floor,
    Orc,
    FloorAgain,
}

impl Trials {
    /// Where the figures of a side go.
    fn of(&mut self, side: Side) -> &mut Vec<f64> {
        match side {
            Side::Floor => &mut self.floor,
            Side::Orc => &mut self.orc,
            Side::FloorAgain => &mut self.again,
        }
    }
}

/// The order of a round: each goes first, second and last equally often.
fn order(round: usize) -> [Side; 3] {
    let mut order = [Side::Floor, Side::Orc, Side::FloorAgain];
    order.rotate_left(round % 3);
    order
}
