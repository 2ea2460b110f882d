// SPDX-License-Identifier: Apache-2.0
import { NAMESPACE_LABEL, NAMESPACE_LABELS, NAMESPACE_NAME, withSource } from "../identity/labels.js";
import type { LabelRequirement, Selector } from "../model.js";
import { object, optional, required } from "../shape/object.js";
import { choice, convert, dictionary, list, text, type Shape, type Spot } from "../shape/shape.js";

/** Value of a label. */
export const labelValue = text({
  pattern: /^(|[A-Za-z0-9]|[A-Za-z0-9][-A-Za-z0-9_.]{0,61}[A-Za-z0-9])$/,
  says: "is no label value (letters, digits, - _ . inside, at most 63)",
});
const KEY = /^(?:[a-z0-9-]+:)?[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?$/;
const SAYS_KEY = "is no label key (source:prefix/name)";

const EXPRESSION = object(
  {
    key: required(text({ pattern: KEY, says: SAYS_KEY }), "Key of the label, its source before a colon."),
    operator: required(choice(["In", "NotIn", "Exists", "DoesNotExist"]), "How the label is compared."),
    values: optional(list(labelValue), "Values for In and NotIn."),
  },
  ({ operator, values }, complain) => {
    const wants = operator === "In" || operator === "NotIn";
    if (wants !== (values ?? []).length > 0)
      complain("values", wants ? "must not be empty" : "must be left out");
  },
);

const SELECTOR = object({
  matchLabels: optional(
    dictionary(labelValue, "Every label must have this value."),
    "Labels by exact value.",
  ),
  matchExpressions: optional(list(EXPRESSION), "Requirements on labels; all must hold."),
});

/**
 * A label selector.
 * @param source of keys that name none
 * @param more completes the requirements, for what is understood
 */
export function selector(
  source: string,
  more: (requirements: LabelRequirement[], spot: Spot) => void = () => {},
): Shape<Selector> {
  return convert(SELECTOR, ({ at, matchLabels, matchExpressions }, spot) => {
    const requirements: LabelRequirement[] = [];
    for (const [key, value] of matchLabels ?? []) {
      if (!KEY.test(key)) return spot.fail(`${key} ${SAYS_KEY}`);
      requirements.push({ key: fullKey(key, source), operator: "In", values: [value] });
    }
    for (const { key, operator, values } of matchExpressions ?? [])
      requirements.push({ key: fullKey(key, source), operator, values: values ?? [] });
    const before = spot.reader.errors.length;
    more(requirements, spot);
    return spot.reader.errors.length > before ? undefined : { at, requirements };
  });
}

/** With its source. The label with a namespace's name is what every workload has without asking Kubernetes. */
function fullKey(key: string, source: string): string {
  const full = withSource(key, source);
  return full.endsWith(`:${NAMESPACE_LABELS}${NAMESPACE_NAME}`) ? `k8s:${NAMESPACE_LABEL}` : full;
}

const OF_NAMESPACE = ["k8s", "any"].map((source) => `${source}:${NAMESPACE_LABEL}`);
const OF_NAMESPACE_LABELS = ["k8s", "any"].map((source) => `${source}:${NAMESPACE_LABELS}`);

function inNamespace(namespace: string): LabelRequirement {
  return { key: `k8s:${NAMESPACE_LABEL}`, operator: "In", values: [namespace] };
}

/** `endpointSelector`: a policy of a namespace selects workloads of that namespace only. */
export const subjectSelector = selector("any", (requirements, { reader, fail }) => {
  const { namespace } = reader.scope;
  reader.scope = { namespace, selectsInit: requirements.some(({ key }) => key === "reserved:init") };
  if (namespace === undefined) return;
  const other = requirements.find(
    ({ key, operator, values }) =>
      OF_NAMESPACE.includes(key) && operator === "In" && !values.includes(namespace),
  );
  if (other) fail(`selects namespace ${other.values.join(", ")}, but the policy is in ${namespace}`);
  requirements.push(inNamespace(namespace));
});

/**
 * `fromEndpoints`, `toEndpoints`: peers of the policy's namespace unless the selector names another, or a reserved
 * label; for a policy of the whole cluster any workload that has a namespace.
 */
export const peerSelector = selector("any", (requirements, { reader }) => {
  const names = (prefixes: readonly string[]): boolean =>
    requirements.some(({ key }) => prefixes.some((prefix) => key.startsWith(prefix)));
  if (names(["reserved:"]) || requirements.some(({ key }) => OF_NAMESPACE.includes(key))) return;
  const { namespace, selectsInit } = reader.scope;
  if (namespace !== undefined) {
    if (!names(OF_NAMESPACE_LABELS)) requirements.push(inNamespace(namespace));
  } else if (!selectsInit)
    requirements.push({ key: `k8s:${NAMESPACE_LABEL}`, operator: "Exists", values: [] });
});
