// The app's secrets. The app reads them by reference; no setting holds one.

@description('Name of the vault.')
param name string

@description('Region of the vault.')
param location string

@description('Tags of the vault.')
param tags object

@description('Whether only private endpoints and the given address ranges may reach it.')
param closed bool

@description('Address ranges that may reach it when it is closed, to deploy and to rotate.')
param allowedIpRanges array

@description('Principal of the worker, which reads the secrets.')
param workerPrincipalId string

@description('Principal of a person who may set secrets; empty for none.')
param developerPrincipalId string

@description('Secret that the webhook sends.')
@secure()
param webhookSecret string

@description('The secret before this one; empty when none is being rotated.')
@secure()
param previousWebhookSecret string

@description('Whether notices of unhealthy images are sent.')
param notices bool

@description('Whether notices about the service are sent.')
param operatorNotices bool

@description('Signs notices of unhealthy images.')
@secure()
param noticeSecret string

@description('Signs notices about the service.')
@secure()
param operatorsSecret string

var secretsUser = '4633458b-17de-408a-b874-0445c86b69e6'
var secretsOfficer = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enablePurgeProtection: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 30
    publicNetworkAccess: closed && empty(allowedIpRanges) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: closed ? 'Deny' : 'Allow'
      ipRules: [for range in allowedIpRanges: { value: range }]
    }
  }
}

resource current 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = {
  parent: vault
  name: 'webhook-secret'
  properties: { value: webhookSecret }
}

resource accepted 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = {
  parent: vault
  name: 'webhook-secrets'
  properties: {
    value: empty(previousWebhookSecret) ? webhookSecret : '${webhookSecret},${previousWebhookSecret}'
  }
}

resource notice 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = if (notices) {
  parent: vault
  name: 'notice-secret'
  properties: { value: noticeSecret }
}

resource operators 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = if (operatorNotices) {
  parent: vault
  name: 'operators-secret'
  properties: { value: operatorsSecret }
}

resource reading 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, workerPrincipalId, secretsUser)
  scope: vault
  properties: {
    principalId: workerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', secretsUser)
  }
}

resource writing 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(developerPrincipalId)) {
  name: guid(vault.id, developerPrincipalId, secretsOfficer)
  scope: vault
  properties: {
    principalId: developerPrincipalId
    principalType: 'User'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', secretsOfficer)
  }
}

@description('The vault\'s resource id.')
output id string = vault.id

@description('The vault\'s name.')
output name string = vault.name

@description('Where secrets are that are not the template\'s, up to their names.')
output secretsUri string = '${vault.properties.vaultUri}secrets/'

@description('Where each secret is, by the setting that takes it; never what it is.')
output secretUris object = union(
  { PUSHSCAN_WEBHOOK_SECRETS: '${vault.properties.vaultUri}secrets/${accepted.name}' },
  notices ? { PUSHSCAN_NOTICE_SECRET: '${vault.properties.vaultUri}secrets/${notice.name}' } : {},
  operatorNotices ? { PUSHSCAN_OPERATORS_SECRET: '${vault.properties.vaultUri}secrets/${operators.name}' } : {}
)
