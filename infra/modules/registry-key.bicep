// A key of one's own for the registry: a vault that cannot be purged, the key, and an identity that may
// wrap with it and nothing else. A registry without its key is lost: mind who may delete these.

@description('Name of the vault.')
param vaultName string

@description('Name of the registry\'s identity.')
param identityName string

@description('Region of vault and identity.')
param location string

@description('Tags of vault and identity.')
param tags object

@description('Whether only Azure\'s trusted services (the registry is one) may reach the vault.')
param closed bool

var cryptoUser = 'e147488a-f6f5-4113-8e2d-b22465e65bf6'

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: identityName
  location: location
  tags: tags
}

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: vaultName
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enablePurgeProtection: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    publicNetworkAccess: closed ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: closed ? 'Deny' : 'Allow'
    }
  }
}

resource key 'Microsoft.KeyVault/vaults/keys@2024-11-01' = {
  parent: vault
  name: 'registry'
  properties: {
    kty: 'RSA'
    keySize: 3072
    keyOps: ['wrapKey', 'unwrapKey']
    rotationPolicy: {
      attributes: { expiryTime: 'P2Y' }
      lifetimeActions: [
        {
          action: { type: 'rotate' }
          trigger: { timeAfterCreate: 'P1Y' }
        }
      ]
    }
  }
}

resource wrapping 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, identity.id, cryptoUser)
  scope: vault
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', cryptoUser)
  }
}

@description('The identity\'s resource id.')
output identityId string = identity.id

@description('The identity\'s client id.')
output identityClientId string = identity.properties.clientId

@description('The key without its version, so that the registry follows rotations.')
output keyUri string = key.properties.keyUri
