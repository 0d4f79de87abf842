//! Bad cables: rules in a node's own network for what it sends and what it is sent.

use crate::cluster::MANAGER;
use crate::machines::Machines;

/// What is wrong with a node's cable. Nothing of it reaches the node's containers, which have networks of their own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Flaw {
    /// Each packet is lost with this probability, both ways.
    Loses(&'static str),
    /// What the node sends arrives, and nothing of what it is sent.
    Deaf,
    /// What the node sends goes at this rate, through a queue of a second.
    Slow(&'static str),
    /// Whatever the node sends to the manager's machine is answered by a reset, and the manager hears nothing of it.
    Resets,
}

impl Flaw {
    /// Makes it.
    pub(crate) fn plant(self, machines: &Machines, node: &str) {
        let on = |machine: &str, command: &str| drop(machines.within(machine, command));
        match self {
            Self::Loses(share) => {
                for way in ["INPUT", "OUTPUT"] {
                    let rule = "-m statistic --mode random -j DROP --probability";
                    on(node, &format!("iptables -I {way} {rule} {share}"));
                }
            }
            Self::Deaf => on(node, "iptables -I INPUT -j DROP"),
            Self::Slow(rate) => {
                on(node, &format!("tc qdisc add dev eth0 root tbf rate {rate} burst 4kb latency 1s"));
            }
            Self::Resets => {
                let from = machines.address(node);
                let rule = "-p tcp -j REJECT --reject-with tcp-reset";
                on(MANAGER, &format!("iptables -I INPUT {rule} -s {from}"));
            }
        }
    }

    /// Takes it away.
    pub(crate) fn mend(self, machines: &Machines, node: &str) {
        let on = |machine: &str, command: &str| drop(machines.within(machine, command));
        match self {
            Self::Loses(_) | Self::Deaf => {
                on(node, "iptables -F INPUT");
                on(node, "iptables -F OUTPUT");
            }
            Self::Slow(_) => on(node, "tc qdisc delete dev eth0 root"),
            Self::Resets => on(MANAGER, "iptables -F INPUT"),
        }
    }
}
