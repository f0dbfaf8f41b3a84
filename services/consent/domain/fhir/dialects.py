"""The policy behind a FHIR Consent, by the dialect it was written in (ADR 0045).

| dialect | base decision | the root provision |
|---|---|---|
| `r4` | `policyRule` OPTIN or OPTOUT | has no type: an exception to the base, or the frame of the typed provisions in it |
| `pcf` | the root provision's type | its criteria frame the whole consent; provisions in it are exceptions |
| `r5` | `decision` | there may be several; each level negates the one above |

A base that denies refuses everything, also beside other consents; what is permitted under it is nested in it as its exceptions. A
consent without a base decision is `silent`: it says nothing beyond its provisions.

R4 leaves open what an untyped root says, and the specification's own examples use it both ways. The readings here are those
that open least and still agree with the examples' words; each is told to the sender as a warning.
"""

from dataclasses import dataclass
from typing import Literal

from services.consent.domain.errors import FormFault
from services.consent.domain.fhir import codes
from services.consent.domain.fhir.criteria import ALWAYS, Criteria, Home, Type, Warnings, criteria_of, denials_in, period_of
from services.consent.domain.fhir.resource import Concept, ConsentResource, PolicyStatement, RootProvision, as_start
from services.consent.domain.periods import GivenPeriod
from services.consent.domain.policies import GivenPolicy, GivenProvision
from services.consent.domain.strict_readings import REFUSES

Base = Literal["permit", "deny", "silent"]

Dialect = Literal["r4", "pcf", "r5"]
ROOT = "Consent.provision"
_NO_POLICY = PolicyStatement()


@dataclass(frozen=True, slots=True)
class ReadPolicy:
    policy: GivenPolicy
    period: GivenPeriod


def dialect_of(resource: ConsentResource) -> Dialect:
    """`pcf` where a profile says so, or where the root is typed and no policyRule gives a base."""
    if any(profile.split("|")[0] in codes.PROFILES for profile in resource.meta.profile):
        return "pcf"
    typed = resource.provision is not None and resource.provision.type is not None
    return "pcf" if typed and resource.policy_rule is None else "r4"


def policy_of(resource: ConsentResource, home: Home, warnings: Warnings) -> ReadPolicy:
    """The policy and the period of a consent in R4's or PCF's words."""
    root = resource.provision or RootProvision()
    dialect = dialect_of(resource)
    base, provisions = _typed(resource, root, home, warnings) if root.type else _untyped(resource, root, home, warnings)
    if base == "deny":
        warnings.add(ROOT, REFUSES)
    period = period_of(root.period)
    if period is None or period.start == ALWAYS:
        start = as_start(resource.date_time) if resource.date_time else ALWAYS
        period = GivenPeriod(start=start, end=period.end if period else None)
    policy = GivenPolicy(base=base, dialect=dialect, provisions=provisions)
    if base == "deny" and not policy.machine().refuses:  # R4 with exceptions: see Policy.refuses
        policy = policy.model_copy(update={"provisions": (GivenProvision(type="deny", provisions=provisions),)})
    return ReadPolicy(policy, period)


def rule_base(rule: Concept | None) -> Type | None:
    """The base decision that a policyRule gives; None where it gives none."""
    found = {codes.BASES[c.code] for c in rule.coding if c.code in codes.BASES} if rule else set()
    if not found:
        return None
    return "permit" if found == {"permit"} else "deny"


def _typed(
    resource: ConsentResource, root: RootProvision, home: Home, warnings: Warnings
) -> tuple[Base, tuple[GivenProvision, ...]]:
    kind = root.type
    assert kind is not None
    rule = rule_base(resource.policy_rule)
    criteria = criteria_of(root, kind, home, ROOT, warnings)
    nested = _nested(root, kind, home, warnings, ROOT)
    if criteria.empty:
        if rule not in (None, kind):
            warnings.add(ROOT, "says another thing than policyRule: the stricter of the two is taken")
            return "deny", nested
        return kind, nested
    # a base of permit stands only where the root is an exception to it
    base: Base = "deny" if rule == "deny" else "permit" if rule == "permit" and kind == "deny" else "silent"
    return base, criteria.provisions(kind, nested=nested)


def _untyped(
    resource: ConsentResource, root: RootProvision, home: Home, warnings: Warnings
) -> tuple[Base, tuple[GivenProvision, ...]]:
    base = rule_base(resource.policy_rule)
    if base == "permit":
        return _opt_in(root, home, warnings)
    if base is None and not any(p.uri == codes.POLICY_URI for p in resource.policy):
        warnings.add("Consent.policyRule", "gives no base decision (OPTIN, OPTOUT): nothing is permitted but by its provisions")
    return _opt_out(root, base or "silent", home, warnings)


def _opt_in(root: RootProvision, home: Home, warnings: Warnings) -> tuple[Base, tuple[GivenProvision, ...]]:
    withheld = criteria_of(root, "deny", home, ROOT, Warnings())
    names = not withheld.empty or withheld.sources
    exceptions = {p.type for p in root.provision}
    if not exceptions:
        if not names:
            return "permit", ()
        warnings.add(ROOT, "has no type: under OPTIN it withholds what it names (R4: an exception to the base policy)")
        return "permit", criteria_of(root, "deny", home, ROOT, warnings).provisions("deny")
    nested = _nested(root, "permit", home, warnings, ROOT)
    if "deny" not in exceptions:
        warnings.add(ROOT, "permits by exceptions to OPTIN: only what these name is permitted")
    elif not names:
        return "permit", nested
    frame = criteria_of(root, "permit", home, ROOT, warnings)
    if "deny" in exceptions:
        warnings.add(ROOT, "has no type: what it names is the frame in which its provisions deny")
        return "silent", frame.provisions("permit", nested=nested)
    if not frame.fields and frame.data_period is None:
        return "silent", tuple(denials_in(nested)) if frame.uncomparable else nested
    return "silent", tuple(framed for p in nested for framed in _within(frame, p))


def _within(frame: Criteria, provision: GivenProvision) -> tuple[GivenProvision, ...]:
    """The permission within a frame that permits nothing by itself: what both name. A list that only one of them has is taken as
    it is, of two lists what stands in both. Where nothing is left, the denials in it stay."""
    nothing = tuple(denials_in((provision,)))
    if frame.uncomparable:
        return nothing
    both: dict[str, tuple[str, ...]] = {}
    for name, wanted in frame.fields.items():
        own: tuple[str, ...] = getattr(provision, name)
        both[name] = tuple(w for w in own if w in wanted) if own else wanted
        if not both[name]:
            return nothing
    if frame.data_period is not None and provision.data_period is not None:
        return nothing
    return (provision.model_copy(update={**both, "data_period": provision.data_period or frame.data_period}),)


def _opt_out(
    root: RootProvision, base: Literal["deny", "silent"], home: Home, warnings: Warnings
) -> tuple[Base, tuple[GivenProvision, ...]]:
    criteria = criteria_of(root, "permit", home, ROOT, Warnings())
    if criteria.empty and not criteria.sources:
        return base, _nested(root, "deny", home, warnings, ROOT)
    only_sources = not (criteria.fields or criteria.data_period or _names_more(root))
    if only_sources:
        warnings.add(ROOT, "names only who keeps the data: all that is kept here is withheld")
        return "deny", ()
    warnings.add(ROOT, "has no type: under OPTOUT it permits what it names (R4: an exception to the base policy)")
    nested = _nested(root, "permit", home, warnings, ROOT)
    return base, criteria_of(root, "permit", home, ROOT, warnings).provisions("permit", nested=nested)


def _names_more(root: RootProvision) -> bool:
    """Whether it names anything beside who keeps or wrote the data."""
    others = [a for a in root.actor if not any(c.code in codes.SOURCES for c in a.role.coding)]
    return bool(others or root.action or root.purpose or root.security_label or root.class_ or root.code or root.data)


def _nested(parent: RootProvision, parent_kind: Type, home: Home, warnings: Warnings, path: str) -> tuple[GivenProvision, ...]:
    found: list[GivenProvision] = []
    for i, below in enumerate(parent.provision):
        where = f"{path}.provision[{i}]"
        kind: Type = below.type or "deny"
        if below.type is None:
            warnings.add(where, "has no type, which R4 requires here: it is read as a denial")
        criteria = criteria_of(below, kind, home, where, warnings)
        deeper = _nested(below, kind, home, warnings, where)
        found += criteria.provisions(kind, period=period_of(below.period), nested=deeper)
    return tuple(found)


def profile_faults(resource: ConsentResource) -> list[FormFault]:
    """What the PCF profiles that the resource claims do not allow."""
    claimed = {profile.split("|")[0] for profile in resource.meta.profile} & set(codes.PROFILES)
    if not claimed:
        return []
    found = [
        FormFault(f"Consent.{name}", f"{said} (IHE PCF)")
        for name, said, holds in (
            ("scope", "is patient-privacy", any(c.code == "patient-privacy" for c in resource.scope.coding)),
            ("category", "occurs once", len(resource.category) == 1),
            ("dateTime", "is required", resource.date_time is not None),
            ("performer", "is required", bool(resource.performer)),
            ("organization", "is required", bool(resource.organization)),
            ("source", "is required", resource.has_source),
            ("policy", "has a uri, and no authority", all(p.uri and not p.authority for p in resource.policy or [_NO_POLICY])),
            ("policyRule", "is not used", resource.policy_rule is None),
            ("provision.type", "is required", resource.provision is not None and resource.provision.type is not None),
        )
        if not holds
    ]  # fmt: skip
    if resource.provision is not None:
        found += _profile_provision(resource.provision, ROOT, claimed, nested=False)
    return found


def _profile_provision(p: RootProvision, path: str, claimed: set[str], *, nested: bool) -> list[FormFault]:
    only_basic, no_labels = claimed == {codes.PCF_BASIC}, codes.PCF_ADVANCED not in claimed
    rules = (
        ("actor", "are information recipients (IRCP)", all(any(c.code == "IRCP" for c in a.role.coding) for a in p.actor)),
        ("action", "is not used", not p.action),
        ("class", "is not used", not p.class_),
        ("code", "is not used", not p.code),
        ("provision", "are not nested deeper", not (nested and p.provision)),
        ("provision", "are for the intermediate profile", not (only_basic and p.provision)),
        ("data", "is for the intermediate profile", not (only_basic and (p.data or p.data_period))),
        # the profile's value sets of purposes and labels are extensible: a code beyond them is no fault
        ("securityLabel", "is for the advanced profile", not (no_labels and p.security_label)),
    )
    found = [FormFault(f"{path}.{name}", f"{said} (IHE PCF)") for name, said, holds in rules if not holds]
    for i, below in enumerate(p.provision):
        found += _profile_provision(below, f"{path}.provision[{i}]", claimed, nested=True)
    return found
