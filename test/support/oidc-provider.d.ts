// What the tests use of oidc-provider, which comes without types.
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  interface Model {
    jti: string
    grantId?: string
    destroy(): Promise<void>
  }

  export class Grant {
    constructor(of: { accountId: string; clientId: string })
    addOIDCScope(scope: string): void
    save(): Promise<string>
    destroy(): Promise<void>
    static find(id: string): Promise<Grant | undefined>
  }

  export interface Interaction {
    prompt: { name: string; details: { missingOIDCScope?: string[] } }
    params: { client_id: string }
    session?: { accountId: string }
    grantId?: string
  }

  export class Provider {
    constructor(issuer: string, configuration: object)
    callback(): (request: IncomingMessage, response: ServerResponse) => void
    interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<Interaction>
    interactionFinished(request: IncomingMessage, response: ServerResponse, result: object): Promise<void>
    on(event: 'grant.success', listener: (context: { oidc: { entities: { Grant?: Model } } }) => void): this
    on(event: 'access_token.saved', listener: (token: Model) => void): this
    on(event: string, listener: (...args: never[]) => void): this
    readonly Grant: typeof Grant
  }
}
