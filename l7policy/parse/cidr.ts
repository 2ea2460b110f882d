// SPDX-License-Identifier: Apache-2.0
import { contains, isIpv4, parsePrefix, type Prefix } from "../../core/address.js";
import type { CidrRule } from "../model.js";
import { object, optional, refused, required } from "../shape/object.js";
import { convert, list, text, type Shape } from "../shape/shape.js";

const prefix = (needsLength: boolean): Shape<Prefix> =>
  convert(text(), (value, spot) => {
    const read = value.includes("%") ? undefined : parsePrefix(value);
    if (!read) return spot.fail(`${value} is no CIDR, e.g. 10.0.0.0/8 or 2001:db8::/32`);
    if (needsLength && !value.includes("/"))
      return spot.fail(`needs a length: ${value}/${isIpv4(read) ? 32 : 128}`);
    return read;
  });

/** An item of `fromCIDR` or `toCIDR`: a CIDR or one address. */
export const cidr: Shape<CidrRule> = convert(prefix(false), (value, { reader, node }) => ({
  at: reader.at(node),
  cidr: value,
  except: [],
}));

const CIDR = {
  cidr: required(prefix(true), "The block, e.g. 10.0.0.0/8."),
  except: optional(list(prefix(true)), "Blocks within it that are not meant."),
};

const block = (fields: typeof CIDR): Shape<CidrRule> =>
  convert(
    object(fields, (value, complain) => {
      for (const inner of value.except ?? [])
        if (!contains(value.cidr, inner)) complain("except", "must lie within the cidr");
    }),
    ({ at, cidr, except }) => ({ at, cidr, except: except ?? [] }),
  );

const GROUP = "names a CiliumCIDRGroup, and the sidecar reads none; write the cidr";

/** An item of `fromCIDRSet` or `toCIDRSet`. */
export const cidrSet = block({
  ...CIDR,
  ...{ cidrGroupRef: refused(GROUP), cidrGroupSelector: refused(GROUP) },
});

/** `ipBlock` of a NetworkPolicy. */
export const ipBlock = block(CIDR);
