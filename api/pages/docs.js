// @ts-check
/** The API's description in Swagger UI, which comes with the package fastapi-offline. */

const { SwaggerUIBundle } = /** @type {any} */ (globalThis);
SwaggerUIBundle({ url: "openapi.json", dom_id: "#viewer", deepLinking: true, validatorUrl: null });
