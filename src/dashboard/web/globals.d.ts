/** What the build makes of the API's contract (vite.config.ts). */
declare module 'virtual:api-methods' {
  /** HTTP method and path of each method by its name, such as `GET /v1/channels/{channel}`. */
  export const routes: unknown;
}
