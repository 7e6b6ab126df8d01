"""The bill of materials, in CycloneDX."""

from __future__ import annotations

from collections.abc import Sequence

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from tests.security.supply.closure import ROOT, Package


def bill_of_materials(packages: Sequence[Package]) -> str:
    """Every package of an installation with version, licence and what it needs, as CycloneDX 1.6 in JSON."""
    components = {each.name: _component(each) for each in packages}
    bill = Bom(components=[component for name, component in components.items() if name != ROOT])
    bill.metadata.component = components[ROOT]
    for each in packages:
        bill.register_dependency(components[each.name], [components[name] for name in each.needs])
    return make_outputter(bill, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2) + "\n"


def _component(package: Package) -> Component:
    url = PackageURL("pypi", name=package.name, version=package.version)
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.APPLICATION if package.name == ROOT else ComponentType.LIBRARY,
        bom_ref=url.to_string(),
        purl=url,
        description=package.summary or None,
        licenses=[LicenseFactory().make_from_string(package.licence)] if package.licence else [],
    )
