//! MITRE ATT&CK references: technique, detection strategy and analytic (v18 model).

/// One reference of a finding into ATT&CK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Attack {
    /// Technique or sub-technique, such as `T1090.002`.
    pub technique: &'static str,
    /// Detection strategy, such as `DET0325`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<&'static str>,
    /// Analytic, such as `AN0923`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub analytic: Option<&'static str>,
}

impl Attack {
    const fn new(technique: &'static str, strategy: &'static str, analytic: &'static str) -> Self {
        Self {
            technique,
            strategy: Some(strategy),
            analytic: Some(analytic),
        }
    }

    const fn technique(technique: &'static str) -> Self {
        Self {
            technique,
            strategy: None,
            analytic: None,
        }
    }

    /// What ATT&CK calls the technique; a sub-technique stands behind its technique.
    pub fn name(&self) -> Option<&'static str> {
        let known = |(technique, _): &&(&str, &str)| *technique == self.technique;
        NAMES.iter().find(known).map(|&(_, name)| name)
    }
}

/// T1090, Proxy, on Linux.
pub const PROXY: Attack = Attack::new("T1090", "DET0445", "AN1230");
/// T1090.001, Internal Proxy, on Linux.
pub const INTERNAL_PROXY: Attack = Attack::new("T1090.001", "DET0075", "AN0205");
/// T1090.002, External Proxy, on Linux.
pub const EXTERNAL_PROXY: Attack = Attack::new("T1090.002", "DET0325", "AN0923");
/// T1090.003, Multi-hop Proxy, on Linux.
pub const MULTI_HOP_PROXY: Attack = Attack::new("T1090.003", "DET0359", "AN1021");
/// T1572, Protocol Tunneling, on Linux.
pub const PROTOCOL_TUNNELING: Attack = Attack::new("T1572", "DET0538", "AN1484");
/// T1071.001, Web Protocols, on Linux.
pub const WEB_PROTOCOLS: Attack = Attack::new("T1071.001", "DET0027", "AN0076");

/// T1021.004, Remote Services: SSH.
pub const REMOTE_SSH: Attack = Attack {
    technique: "T1021.004",
    strategy: None,
    analytic: None,
};

/// T1095, Non-Application Layer Protocol, on Linux.
pub const NON_APPLICATION_LAYER: Attack = Attack::new("T1095", "DET0457", "AN1255");
/// T1059.004, Unix Shell.
pub const UNIX_SHELL: Attack = Attack::technique("T1059.004");
/// T1059.003, Windows Command Shell.
pub const WINDOWS_SHELL: Attack = Attack::technique("T1059.003");

/// T1001.001, Junk Data: anomalous payload sizes.
pub const JUNK_DATA: Attack = Attack::new("T1001.001", "DET0011", "AN0031");

const NAMES: [(&str, &str); 11] = [
    ("T1001.001", "Data Obfuscation: Junk Data"),
    ("T1021.004", "Remote Services: SSH"),
    (
        "T1059.003",
        "Command and Scripting Interpreter: Windows Command Shell",
    ),
    ("T1059.004", "Command and Scripting Interpreter: Unix Shell"),
    ("T1071.001", "Application Layer Protocol: Web Protocols"),
    ("T1090", "Proxy"),
    ("T1090.001", "Proxy: Internal Proxy"),
    ("T1090.002", "Proxy: External Proxy"),
    ("T1090.003", "Proxy: Multi-hop Proxy"),
    ("T1095", "Non-Application Layer Protocol"),
    ("T1572", "Protocol Tunneling"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::DETECTORS;

    #[test]
    fn every_technique_of_a_detector_has_a_name() {
        for attack in DETECTORS.iter().flat_map(|detector| detector.attack) {
            assert!(attack.name().is_some(), "{}", attack.technique);
        }
        assert_eq!(MULTI_HOP_PROXY.name(), Some("Proxy: Multi-hop Proxy"));
    }
}
