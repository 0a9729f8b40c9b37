"""Every option that OpenSSH knows, and what becomes of it here.

==============  =================================================================================================
used            HostName, Port, User, IdentityFile, CertificateFile, IdentitiesOnly, IdentityAgent (``none``),
                ProxyJump, UserKnownHostsFile, GlobalKnownHostsFile, HostKeyAlias, ConnectTimeout, AddressFamily,
                BindAddress; Host, Match, Include and IgnoreUnknown say where and how
refused         what would change which host is reached, who it is taken for, who logs in, or what runs there:
                ``_HARMLESS`` has them, with the values that ask for nothing. An error where one of them counts for
                a node of the inventory
without         the rest, by reason, in ``_WITHOUT_BEARING``: nothing that a visit does would be another thing for
bearing         it; their values are not looked at
unknown         an error, as for ssh(1), unless IgnoreUnknown names it for every host
==============  =================================================================================================
"""

from __future__ import annotations

from exporter.config.ssh_config.values import READ_BY
from exporter.config.ssh_config.words import Line

_WHERE = ("host", "match", "include")

_ALIASES = {
    "identityfile2": "identityfile",
    "smartcarddevice": "pkcs11provider",
    "dsaauthentication": "pubkeyauthentication",
    "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
    "hostbasedkeytypes": "hostbasedacceptedalgorithms",
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
    "tisauthentication": "kbdinteractiveauthentication",
    "keepalive": "tcpkeepalive",
}

_NO = frozenset({"no", "false"})
_NONE = frozenset({"none"})
_NOTHING: frozenset[str] = frozenset()

_HARMLESS = {
    # which host is reached, and how
    "proxycommand": _NONE,
    "bindinterface": _NOTHING,
    "canonicalizehostname": _NO,
    "canonicalizepermittedcnames": _NONE,
    "refuseconnection": _NOTHING,
    # who it is taken for: host keys are verified whatever happens, "ask" with nobody there to answer is "yes"
    "stricthostkeychecking": frozenset({"yes", "true", "ask"}),
    "checkhostip": _NO,
    "verifyhostkeydns": _NO,
    "nohostauthenticationforlocalhost": _NO,
    "knownhostscommand": _NONE,
    "revokedhostkeys": _NONE,
    "hostkeyalgorithms": _NOTHING,
    "casignaturealgorithms": _NOTHING,
    "requiredrsasize": _NOTHING,
    "ciphers": _NOTHING,
    "macs": _NOTHING,
    "kexalgorithms": _NOTHING,
    # who logs in
    "pubkeyauthentication": frozenset({"yes", "true", "unbound", "host-bound"}),
    "pubkeyacceptedalgorithms": _NOTHING,
    "pkcs11provider": _NONE,
    "securitykeyprovider": frozenset({"none", "internal"}),
    # what runs
    "remotecommand": _NONE,
    "requesttty": frozenset({"no", "false", "auto"}),
    "sessiontype": frozenset({"default"}),
    "stdinnull": _NO,
    "forkafterauthentication": _NO,
    "permitlocalcommand": _NO,
}

_WITHOUT_BEARING = {
    "a visit forwards nothing": """forwardagent forwardx11 forwardx11timeout forwardx11trusted xauthlocation
        localforward remoteforward dynamicforward permitremoteopen clearallforwardings exitonforwardfailure
        gatewayports streamlocalbindmask streamlocalbindunlink tunnel tunneldevice""",
    "a connection is never another process's": "controlmaster controlpath controlpersist proxyusefdpass",
    "a key is the only way in": """gssapiauthentication gssapidelegatecredentials gssapikeyexchange gssapitrustdns
        gssapiclientidentity gssapiserveridentity gssapirenewalforcesrekey gssapikexalgorithms
        hostbasedauthentication hostbasedacceptedalgorithms enablesshkeysign passwordauthentication
        kbdinteractiveauthentication kbdinteractivedevices numberofpasswordprompts batchmode""",
    "each phase of a visit has its own end": """connectionattempts serveraliveinterval serveralivecountmax
        tcpkeepalive channeltimeout rekeylimit protocolkeepalives setuptimeout""",
    "the node script sets its own environment": "sendenv setenv",
    "for a person at a terminal": """escapechar enableescapecommandline visualhostkey fingerprinthash loglevel
        logverbose syslogfacility obscurekeystroketiming warnweakcrypto localcommand""",
    "written on our own machine, never read by us": "addkeystoagent updatehostkeys hashknownhosts",
    "without CanonicalizeHostname": "canonicaldomains canonicalizefallbacklocal canonicalizemaxdots",
    "for Match tagged, which is refused": "tag",
    "the same connection": "compression ipqos versionaddendum",
    "no longer done by OpenSSH": """protocol cipher fallbacktorsh globalknownhostsfile2 userknownhostsfile2
        rhostsauthentication useroaming usersh useprivilegedport afstokenpassing kerberosauthentication
        kerberostgtpassing rsaauthentication rhostsrsaauthentication compressionlevel""",
}
WITH_BEARING = frozenset({*READ_BY, *_WHERE, *_HARMLESS, "preferredauthentications"})
_KNOWN = WITH_BEARING.union(*map(str.split, _WITHOUT_BEARING.values()))


def name(written: str) -> str:
    """An option by its usual name, in lower case."""
    return _ALIASES.get(written.lower(), written.lower())


def is_known(option: str) -> bool:
    return option in _KNOWN


def is_refused(line: Line) -> bool:
    """Whether the line asks for what we do not do."""
    values = [value.lower() for value in line.arguments]
    if line.option == "preferredauthentications":
        return "publickey" not in ",".join(values).split(",")
    return line.option in _HARMLESS and (len(values) != 1 or values[0] not in _HARMLESS[line.option])
