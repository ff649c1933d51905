// The app on Elastic Premium: one instance is always on, and a scale-in waits an hour for running scans.

@description('Name of the plan.')
param planName string

@description('Name of the app.')
param name string

@description('Region of both.')
param location string

@description('Tags of both.')
param tags object

@description('The image; empty starts a placeholder.')
param image string

@description('Identity of the app.')
param identityId string

@description('A further identity, which may attach verdicts to images; empty for none.')
param attachIdentityId string

@description('Client id of the first, to pull the image with.')
param identityClientId string

@description('Settings that are no secret: objects of name and value.')
param settings array

@description('Where each secret is, by the setting that takes it.')
param secretUris object

@description('Where secrets are that are not the template\'s, up to their names.')
param secretsUri string

@description('Names of such secrets, by the setting that takes them.')
param routeSecrets object

@description('Subnet to run in; empty for none.')
param subnetId string

@description('Whether the webhook must be reachable from the internet.')
param public bool

@description('Instances that always run; the plan has at least one.')
param minimumInstances int

@description('Instances at most.')
param maximumInstances int

var closed = !empty(subnetId)
var placeholder = 'mcr.microsoft.com/azure-functions/dotnet8-quickstart-demo:1.0'
var plain = concat(settings, [
  { name: 'ASPNETCORE_URLS', value: 'http://+:8080' }
  { name: 'FUNCTIONS_EXTENSION_VERSION', value: '~4' }
  { name: 'WEBSITES_ENABLE_APP_SERVICE_STORAGE', value: 'false' }
  { name: 'WEBSITES_PORT', value: '8080' }
])
var identities = union(
  { '${identityId}': {} },
  empty(attachIdentityId) ? {} : { '${attachIdentityId}': {} }
)
var routeUris = [
  for secret in items(routeSecrets): {
    key: secret.key
    value: '${secretsUri}${secret.value}'
  }
]
var fromVault = [
  for secret in concat(items(secretUris), routeUris): {
    name: secret.key
    value: '@Microsoft.KeyVault(SecretUri=${secret.value})'
  }
]

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'elastic'
  sku: { name: 'EP1', tier: 'ElasticPremium' }
  properties: {
    reserved: true
    maximumElasticWorkerCount: maximumInstances
  }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'scanner' })
  kind: 'functionapp,linux,container'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: identities
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    publicNetworkAccess: public ? 'Enabled' : 'Disabled'
    virtualNetworkSubnetId: closed ? subnetId : null
    outboundVnetRouting: { allTraffic: closed }
    siteConfig: {
      acrUseManagedIdentityCreds: true
      acrUserManagedIdentityID: identityClientId
      appSettings: concat(plain, fromVault)
      ftpsState: 'Disabled'
      functionAppScaleLimit: maximumInstances
      linuxFxVersion: 'DOCKER|${empty(image) ? placeholder : image}'
      minTlsVersion: '1.2'
      minimumElasticInstanceCount: max(minimumInstances, 1)
    }
  }
}

@description('The app\'s public host name.')
output host string = app.properties.defaultHostName
