//! Faults that are planted into the simulated shells, to see that the simulation finds them. Those in the source itself
//! are in `tests/planted/`, for `make planted-faults`.

/// One thing that a shell could get wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Planted {
    /// What could not be seen is taken for gone: an empty list, a missing container.
    UnseenIsGone,
    /// Users are told "accepted" before that is durable.
    AnswersBeforeCommit,
    /// The engine is called before what led to that is durable.
    CallsBeforeWrite,
    /// The manager is told before it is durable.
    TellsBeforeWriting,
    /// What a worker knows to be wanted is not written together with the revision at which it was.
    RevisionBeforeRecords,
    /// A worker that starts believes that the manager has heard everything.
    ForgetsUntold,
}

impl Planted {
    pub(crate) const ALL: [Self; 6] = [
        Self::UnseenIsGone,
        Self::AnswersBeforeCommit,
        Self::CallsBeforeWrite,
        Self::TellsBeforeWriting,
        Self::RevisionBeforeRecords,
        Self::ForgetsUntold,
    ];
}
