// Pushes by the registry's webhook. The secret goes in Authorization, the one header that ACR masks when it
// shows past requests; in the address it would stand in logs.

@description('Name of the registry.')
param registryName string

@description('Region of the registry.')
param location string

@description('Tags of the webhook.')
param tags object

@description('Public host name of the app.')
param appHost string

@description('Secret to send.')
@secure()
param secret string

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' existing = {
  name: registryName
}

resource webhook 'Microsoft.ContainerRegistry/registries/webhooks@2025-04-01' = {
  parent: registry
  name: 'pushscan'
  location: location
  tags: tags
  properties: {
    actions: ['push', 'delete', 'quarantine']
    // Azure's types call this address secret, because others put a key into it; ours is none.
    #disable-next-line use-secure-value-for-secure-inputs
    serviceUri: 'https://${appHost}/api/acr/webhook'
    customHeaders: {
      Authorization: 'Bearer ${secret}'
      'Content-Type': 'application/json'
    }
    status: 'enabled'
  }
}
