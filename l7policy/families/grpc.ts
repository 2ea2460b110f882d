// SPDX-License-Identifier: Apache-2.0
import type { GrpcRule, HttpRule } from "./model.js";

/** A gRPC rule as the HTTP rule that it is: every call is a POST to /package.Service/Method. */
export function grpcAsHttp({ at, service, method, metadata }: GrpcRule): HttpRule {
  return {
    at,
    method: "POST",
    path: `/${glob(service)}/${glob(method)}`,
    host: undefined,
    headers: metadata,
  };
}

function glob(text = "*"): string {
  return text.replaceAll(".", "\\.").replaceAll("*", "[^/]*");
}
