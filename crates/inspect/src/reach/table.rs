//! Which property of which node type means what: the knowledge behind the rules of reach.
//!
//! A type that is not listed is not overlooked: addresses in any property of any node are found by
//! their look, and properties called `host`, `broker` and the like by their name.

/// What a property means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// A host it connects to; the port stands in the property named here.
    Host(&'static str),
    /// Where it listens.
    Listens,
    /// A path of the machine it reads, writes, deletes or watches.
    File(&'static str),
    /// A serial port or another device.
    Device,
    /// A topic it hears.
    Subscribes,
    /// A topic it speaks on.
    Publishes,
    /// An address in a controller that it reads.
    Reads,
    /// An address in a controller that it writes.
    Writes,
    /// A database statement.
    Statement,
}

impl Means {
    /// For people, in the documentation.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Host("") => "the host it connects to".to_owned(),
            Self::Host(port) => format!("the host it connects to; its port is `{port}`"),
            Self::Listens => "where it listens".to_owned(),
            Self::File(does) => format!("a file of the machine it {does}"),
            Self::Device => "a serial port or another device of the machine".to_owned(),
            Self::Subscribes => "a topic it hears".to_owned(),
            Self::Publishes => "a topic it speaks on".to_owned(),
            Self::Reads => "an address in a controller that it reads".to_owned(),
            Self::Writes => "an address in a controller that it writes".to_owned(),
            Self::Statement => "a database statement".to_owned(),
        }
    }
}

/// Types, a property, and what it means there. `*` at the end of a type stands for any rest.
pub(crate) struct Row {
    pub(crate) kinds: &'static [&'static str],
    pub(crate) property: &'static str,
    pub(crate) means: Means,
}

const fn row(kinds: &'static [&'static str], property: &'static str, means: Means) -> Row {
    Row {
        kinds,
        property,
        means,
    }
}

pub(crate) static TABLE: [Row; 50] = [
    row(&["http request"], "url", Means::Host("")),
    row(&["tcp request"], "server", Means::Host("port")),
    row(&["tcp in", "tcp out"], "host", Means::Host("port")),
    row(&["udp out"], "addr", Means::Host("port")),
    row(&["websocket-client"], "path", Means::Host("")),
    row(&["mqtt-broker"], "broker", Means::Host("port")),
    row(
        &[
            "MySQLdatabase",
            "postgreSQLConfig",
            "postgresDB",
            "MSSQL-CN",
            "oracle-server",
        ],
        "host",
        Means::Host("port"),
    ),
    row(&["MSSQL-CN"], "server", Means::Host("port")),
    row(&["influxdb"], "hostname", Means::Host("port")),
    row(
        &["mongodb", "redis-config", "kafka-broker", "amqp-broker"],
        "host",
        Means::Host("port"),
    ),
    row(&["mongodb4-client"], "uri", Means::Host("")),
    row(&["modbus-client"], "tcpHost", Means::Host("tcpPort")),
    row(
        &["s7 endpoint", "eth-ip endpoint", "mcprotocol connection"],
        "address",
        Means::Host("port"),
    ),
    row(&["OpcUa-Endpoint"], "endpoint", Means::Host("")),
    row(&["e-mail"], "server", Means::Host("port")),
    row(
        &["ftp", "ftp-config", "sftp", "ssh-conf"],
        "host",
        Means::Host("port"),
    ),
    row(&["knxUltimate-config"], "host", Means::Host("port")),
    row(
        &["ads-over-mqtt-client", "ADS-Connection-Service"],
        "host",
        Means::Host("port"),
    ),
    row(&["http in"], "url", Means::Listens),
    row(
        &[
            "tcp in",
            "udp in",
            "modbus-server",
            "modbus-flex-server",
            "OpcUa-Server",
            "aedes broker",
            "e-mail mta",
            "ftp-server",
            "snmp trap",
        ],
        "port",
        Means::Listens,
    ),
    row(&["coap in"], "url", Means::Listens),
    row(&["websocket-listener"], "path", Means::Listens),
    row(&["ui_base", "ui-base"], "path", Means::Listens),
    row(&["file"], "filename", Means::File("writes")),
    row(&["file in", "bigfile"], "filename", Means::File("reads")),
    row(&["tail"], "filename", Means::File("watches")),
    row(&["watch"], "files", Means::File("watches")),
    row(&["sqlitedb"], "db", Means::File("reads and writes")),
    row(
        &["fs-ops-*", "fs-file*"],
        "path",
        Means::File("reads or writes"),
    ),
    row(&["tls-config"], "cert", Means::File("reads")),
    row(&["tls-config"], "key", Means::File("reads")),
    row(&["tls-config"], "ca", Means::File("reads")),
    row(
        &["serial-port", "serial-port-config", "serialconfig"],
        "serialport",
        Means::Device,
    ),
    row(&["modbus-client"], "serialPort", Means::Device),
    row(
        &["rpi-gpio in", "rpi-gpio out", "gpio in", "gpio out"],
        "pin",
        Means::Device,
    ),
    row(&["i2c in", "i2c out", "i2c scan"], "address", Means::Device),
    row(
        &[
            "mqtt in",
            "amqp in",
            "kafka-consumer",
            "redis-in",
            "nats-sub",
        ],
        "topic",
        Means::Subscribes,
    ),
    row(
        &[
            "mqtt out",
            "amqp out",
            "kafka-producer",
            "redis-out",
            "nats-pub",
        ],
        "topic",
        Means::Publishes,
    ),
    row(
        &["s7 in", "eth-ip in", "mcprotocol in", "mcprotocol read"],
        "variable",
        Means::Reads,
    ),
    row(
        &[
            "s7 out",
            "eth-ip out",
            "mcprotocol out",
            "mcprotocol write",
            "s7 control",
        ],
        "variable",
        Means::Writes,
    ),
    row(&["modbus-read", "modbus-getter"], "adr", Means::Reads),
    row(&["modbus-write"], "adr", Means::Writes),
    row(&["OpcUa-Item"], "item", Means::Reads),
    row(
        &["ads-read", "ADS Notification", "ads-over-mqtt-read-symbols"],
        "symbol",
        Means::Reads,
    ),
    row(
        &["ads-write", "ads-over-mqtt-write-symbol"],
        "symbol",
        Means::Writes,
    ),
    row(
        &["s7 endpoint", "eth-ip endpoint", "mcprotocol connection"],
        "vartable",
        Means::Reads,
    ),
    row(
        &["bacnet-read", "BACnet-Device"],
        "objectType",
        Means::Reads,
    ),
    row(&["bacnet-write"], "objectType", Means::Writes),
    row(
        &[
            "mysql",
            "MSSQL",
            "postgresql",
            "postgres",
            "sqlite",
            "oracledb",
        ],
        "query",
        Means::Statement,
    ),
    row(
        &["sqlite", "mysql", "stackhero-mysql", "*"],
        "sql",
        Means::Statement,
    ),
];

/// Other properties that bear on the same meaning: when one of them changes, the row speaks again.
pub(crate) fn neighbours(means: Means) -> &'static [&'static str] {
    match means {
        Means::Listens => &[
            "method",
            "server",
            "iface",
            "multicast",
            "address",
            "upload",
            "d",
            "type",
        ],
        Means::Device => &["clienttype"],
        Means::File(_) => &["filenameType", "overwriteFile", "createDir", "recursive"],
        Means::Reads | Means::Writes => &[
            "unitid", "dataType", "quantity", "rack", "slot", "mode", "function", "instance",
            "datatype",
        ],
        _ => &[],
    }
}

/// The rows for a node type.
pub(crate) fn rows(kind: &str) -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(move |row| {
        row.kinds.iter().any(|it| match it.strip_suffix('*') {
            Some(start) => kind.starts_with(start),
            None => *it == kind,
        })
    })
}
