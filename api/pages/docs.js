/** The API's description in Swagger UI, which comes with the package fastapi-offline. */

SwaggerUIBundle({ url: "openapi.json", dom_id: "#viewer", deepLinking: true, validatorUrl: null });
