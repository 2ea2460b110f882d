// SPDX-License-Identifier: Apache-2.0
/** A good manifest, with every part that is read. */
export const GOOD = `apiVersion: v1
kind: Namespace
metadata:
  name: shop
  labels: { team: retail }
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  replicas: 2
  template:
    metadata:
      labels:
        app: web
      annotations:
        sockmesh.io/level: "off"
    spec:
      serviceAccountName: web
      containers:
        - name: web
          image: web:1
          ports:
            - name: http
              containerPort: 8080
            - name: dns
              containerPort: 53
              protocol: UDP
        - name: metrics
          ports: [{ containerPort: 9100, name: metrics }]
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { ports: [{ port: 80 }] }
`;

/** Edits that break it: what is replaced, by what, and every error, as it is shown of web.yaml. */
export const BROKEN: readonly (readonly [find: string, put: string, ...errors: string[]])[] = [
  ["        app: web\n", "        app: web: x\n", "web.yaml:17:14: Nested mappings are not allowed in compact mappings at line 17, column 14:"],
  ["        app: web\n", "        app: web\n        app: shop\n", "web.yaml:18:9: spec.template.metadata.labels.app: stands twice: the keys of a mapping must be unique"],
  ["        app: web\n", "        app: &web web\n        other: *web\n", "web.yaml:18:16: anchors and aliases are not read"],
  ["        app: web\n", "        app: 1\n", "web.yaml:17:14: spec.template.metadata.labels.app: must be a string (quote it)"],
  ["        app: web\n", "        app: a b\n", "web.yaml:17:14: spec.template.metadata.labels.app: is no label value (letters, digits, - _ . inside, at most 63)"],
  ["        app: web\n", "        a b: web\n", "web.yaml:17:9: spec.template.metadata.labels.a b: is no label key (prefix/name)"],
  ["        app: web\n", "        \"reserved:host\": \"\"\n", "web.yaml:17:9: spec.template.metadata.labels.reserved:host: is no label key (prefix/name)"],
  ["        app: web\n", "        io.kubernetes.pod.namespace: kube-system\n", "web.yaml:17:9: spec.template.metadata.labels.io.kubernetes.pod.namespace: is derived from the namespace and the account: no pod may claim it"],
  ["        app: web\n", "        io.cilium.k8s.policy.serviceaccount: admin\n", "web.yaml:17:9: spec.template.metadata.labels.io.cilium.k8s.policy.serviceaccount: is derived from the namespace and the account: no pod may claim it"],
  ["      labels:\n        app: web", "      label:\n        app: web", "web.yaml:16:7: spec.template.metadata.label: unknown field; did you mean labels?"],
  ["      labels:\n        app: web", "      labels: [app]", "web.yaml:16:15: spec.template.metadata.labels: must be a mapping"],
  ["name: http", "name: HTTP", "web.yaml:26:21: spec.template.spec.containers[0].ports[0].name: is no port name (lower-case letters, digits, single - inside, a letter, at most 15)"],
  ["name: http", "name: a-name-too-long-for-a-port", "web.yaml:26:21: spec.template.spec.containers[0].ports[0].name: is no port name (lower-case letters, digits, single - inside, a letter, at most 15)"],
  ["name: http", "name: \"8080\"", "web.yaml:26:21: spec.template.spec.containers[0].ports[0].name: is no port name (lower-case letters, digits, single - inside, a letter, at most 15)"],
  ["name: http", "name: a--b", "web.yaml:26:21: spec.template.spec.containers[0].ports[0].name: is no port name (lower-case letters, digits, single - inside, a letter, at most 15)"],
  ["name: dns", "name: http", "web.yaml:28:21: spec.template.spec.containers[0].ports[1].name: http names a port of this pod already"],
  ["name: metrics }", "name: http }", "web.yaml:32:48: spec.template.spec.containers[1].ports[0].name: http names a port of this pod already"],
  ["containerPort: 8080", "containerPort: 0", "web.yaml:27:30: spec.template.spec.containers[0].ports[0].containerPort: must be a whole number from 1 to 65535"],
  ["containerPort: 8080", "containerPort: 65536", "web.yaml:27:30: spec.template.spec.containers[0].ports[0].containerPort: must be a whole number from 1 to 65535"],
  ["containerPort: 8080", "containerPort: 0x50", "web.yaml:27:30: spec.template.spec.containers[0].ports[0].containerPort: must be a whole number from 1 to 65535"],
  ["containerPort: 8080", "containerPort: http", "web.yaml:27:30: spec.template.spec.containers[0].ports[0].containerPort: must be a whole number from 1 to 65535"],
  ["containerPort: 8080", "port: 8080", "web.yaml:27:15: spec.template.spec.containers[0].ports[0].port: unknown field", "web.yaml:26:15: spec.template.spec.containers[0].ports[0].containerPort: is missing"],
  ["protocol: UDP", "protocol: ICMP", "web.yaml:30:25: spec.template.spec.containers[0].ports[1].protocol: unknown value ICMP: must be TCP, UDP or SCTP"],
  ["          ports:\n            - name: http", "          port:\n            - name: http", "web.yaml:25:11: spec.template.spec.containers[0].port: unknown field; did you mean ports?"],
  ["      containers:\n", "      container:\n", "web.yaml:22:7: spec.template.spec.container: unknown field; did you mean containers?", "web.yaml:21:7: spec.template.spec.containers: is missing"],
  ["      serviceAccountName: web", "      serviceAcountName: web", "web.yaml:21:7: spec.template.spec.serviceAcountName: unknown field; did you mean serviceAccountName?"],
  ["      serviceAccountName: web", "      serviceAccountName: { name: web }", "web.yaml:21:27: spec.template.spec.serviceAccountName: must be a string (quote it)"],
  ["      serviceAccountName: web", "      serviceAccountName: Web", "web.yaml:21:27: spec.template.spec.serviceAccountName: is no name (lower-case letters, digits, - and . inside, at most 253)"],
  ["      serviceAccountName: web", "      <<: { serviceAccountName: web }", "web.yaml:21:7: spec.template.spec.<<: unknown field"],
  ["kind: Deployment", "kind: Deploymnet", "web.yaml:8:7: kind: unknown kind Deploymnet; did you mean Deployment?"],
  ["kind: Service\n", "kind: Servlet\n", "web.yaml:35:7: kind: unknown kind Servlet"],
  ["kind: Service\n", "", "web.yaml:34:1: kind: is missing"],
  ["apiVersion: apps/v1", "apiVersion: extensions/v1beta1", "web.yaml:7:13: apiVersion: unknown value extensions/v1beta1: must be apps/v1"],
  ["apiVersion: apps/v1\n", "", "web.yaml:7:1: apiVersion: is missing"],
  ["kind: Deployment", "kind: ReplicationController", "web.yaml:8:7: kind: unknown kind ReplicationController"],
  ["  template:\n", "  templates:\n", "web.yaml:14:3: spec.templates: unknown field; did you mean template?", "web.yaml:13:3: spec.template: is missing"],
  ["  name: web\n  namespace: shop", "  namespace: shop", "web.yaml:10:3: metadata.name: is missing"],
  ["  namespace: shop\nspec", "  namespace: shop.prod\nspec", "web.yaml:11:14: metadata.namespace: is no namespace (lower-case letters, digits, - inside, at most 63)"],
  ["  name: web\n  namespace: shop", "  name: Web\n  namespace: shop", "web.yaml:10:9: metadata.name: is no name (lower-case letters, digits, - and . inside, at most 253)"],
  ["  namespace: shop\nspec", "  namespace: shop\n  annotations: { sockmesh.io/level: splice }\nspec", "web.yaml:12:37: metadata.annotations.sockmesh.io/level: is for pods, this is the Deployment: write sockmesh.io/level into spec.template.metadata.annotations"],
  ["sockmesh.io/level: \"off\"", "sockmesh.io/port-opt-out: 9100", "web.yaml:19:35: spec.template.metadata.annotations.sockmesh.io/port-opt-out: must be a string (quote it)"],
  ["  name: shop\n", "", "web.yaml:4:3: metadata.name: is missing"],
  ["team: retail", "team: retail, kubernetes.io/metadata.name: office", "web.yaml:4:3: metadata.labels.kubernetes.io/metadata.name: must be the namespace's name, shop"],
  ["apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { ports: [{ port: 80 }] }\n", "apiVersion: v1\nkind: Namespace\nmetadata: { name: shop }\n", "web.yaml:36:11: metadata: Namespace shop stands twice"],
  ["apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { ports: [{ port: 80 }] }\n", "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web, namespace: shop }\nspec: { template: { spec: { containers: [{}] } } }\n", "web.yaml:36:11: metadata: Deployment shop/web stands twice"],
  ["apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { ports: [{ port: 80 }] }\n", "apiVersion: v1\nkind: List\nitems:\n  - kind: Pod\n  - { apiVersion: v1, kind: Pod, metadata: { name: a }, spec: { containers: [] } }\n  - { apiVersion: v1, kind: List, items: [] }\n", "web.yaml:37:5: items[0].apiVersion: is missing", "web.yaml:38:77: items[1].spec.containers: must name at least one", "web.yaml:39:29: items[2].kind: unknown kind List"],
  ["apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { ports: [{ port: 80 }] }\n", "- apiVersion: v1\n", "web.yaml:34:1: must be a mapping"],
  ["apiVersion: v1\nkind: Service", "apiVersion: 1\nkind: Service", "web.yaml:34:13: apiVersion: must be a string (quote it)"],
];
