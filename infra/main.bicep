// Pushscan beside a registry: `azd up`, or `az deployment sub create --template-file infra/main.bicep`.
// Which resources a profile makes: docs/deploy.md. `make infra` checks and evaluates this file.
targetScope = 'subscription'

@description('Name of the deployment; it becomes part of every resource\'s name.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Azure region of everything but what follows an existing registry.')
param location string

@description('How far the network is closed: open to Entra identities, to given address ranges, or to private endpoints alone.')
@allowed(['open', 'firewall', 'private'])
param profile string = 'open'

@description('Address ranges that may reach the registry and the vault. `firewall` needs at least one.')
param allowedIpRanges array = []

@description('Where the app runs: Container Apps, or Elastic Premium with an instance that is always on.')
@allowed(['containerapps', 'premium'])
param host string = 'containerapps'

@description('An existing registry of this subscription; empty makes a new one.')
param existingRegistryName string = ''

@description('Resource group of the existing registry.')
param existingRegistryGroup string = ''

@description('Region of the existing registry; its webhook and its events live there.')
param existingRegistryLocation string = location

@description('An existing Event Grid system topic of the existing registry: there can be only one.')
param existingSystemTopicName string = ''

@description('SKU of a new registry. `firewall` and `private` take Premium whatever is said here.')
@allowed(['Basic', 'Standard', 'Premium'])
param registrySku string = 'Standard'

@description('Who may read what: roles on the whole registry, or roles with conditions on repositories (ABAC).')
@allowed(['LegacyRegistryPermissions', 'AbacRepositoryPermissions'])
param registryRoleMode string = 'LegacyRegistryPermissions'

@description('Encrypt a new registry with a key of your own. Only at creation, never to be undone, Premium only.')
param customerManagedKey bool = false

@description('Days after which a new Premium registry deletes untagged Docker manifests, for good; 0 keeps them. Leave it at 0 where images are run by digest.')
@minValue(0)
@maxValue(365)
param untaggedDays int = 0

@description('How pushes are heard of. `private` takes events whatever is said here: a webhook needs a public endpoint.')
@allowed(['events', 'webhook', 'both'])
param intake string = 'both'

@description('Secret that the registry\'s webhook sends: 24 to 256 printable characters.')
@secure()
@minLength(24)
@maxLength(256)
param webhookSecret string

@description('The secret before this one, while it is being rotated; empty otherwise.')
@secure()
param previousWebhookSecret string = ''

@description('HTTPS endpoint for notices of unhealthy images; empty for none.')
param noticeUrl string = ''

@description('Signs the notices of unhealthy images; needed with their endpoint.')
@secure()
param noticeSecret string = ''

@description('Where messages say to read on: an https URL with {digest} and the like; empty for none.')
param reportLink string = ''

@description('HTTPS endpoint for notices about the service itself; empty for none.')
param operatorsUrl string = ''

@description('Signs the notices about the service; needed with their endpoint.')
@secure()
param operatorsSecret string = ''

@description('The app\'s image; empty starts a public placeholder until the first `azd deploy`.')
param image string = ''

@description('Instances that always run. A webhook is answered within 5 seconds only by one that runs.')
@minValue(0)
@maxValue(10)
param minimumInstances int = 1

@description('Instances at most; each judges one image at a time.')
@minValue(1)
@maxValue(30)
param maximumInstances int = 4

@description('Send the registry\'s audit logs to the Log Analytics workspace.')
param auditToLogAnalytics bool = true

@description('Keep the registry\'s audit logs in the storage account.')
param auditToStorage bool = false

@description('Authorization rule of an event hub namespace for the audit logs; empty for none.')
param eventHubRuleId string = ''

@description('Event hub for the audit logs.')
param eventHubName string = ''

@description('Effect of the built-in policies that are assigned to the resource group.')
@allowed(['Audit', 'Deny', 'Disabled'])
param policyEffect string = 'Audit'

@description('Virtual network to peer with; empty for none.')
param hubNetworkId string = ''

@description('Blob of container policies with the routes of messages; empty for none.')
param routesBlob string = ''

@description('Secrets of these routes: names of secrets that you put into the vault, by the setting that a route names.')
param routeSecrets object = {}

@description('What is attached to images as OCI referrers, by an identity of its own that may push and delete; empty for nothing.')
@allowed(['', 'sarif', 'cyclonedx', 'sarif,cyclonedx'])
param attach string = ''

@description('Blob of container policies with the policy; empty for the shipped one.')
param policyBlob string = ''

@description('Where EPSS is published, https; empty for none.')
param epssSource string = ''

@description('Where the catalogue of known exploited vulnerabilities is published, https; empty for none.')
param kevSource string = ''

@description('Mirror the advisory databases in the registry by cache rules.')
param advisoryMirror bool = true

@description('Make a role that reads the registry\'s settings, for the weekly audit; needs the right to write role definitions.')
param postureRole bool = true

@description('Make an identity that may delete images, apart from the one that reads them.')
param cleanupIdentity bool = false

@description('Address that alerts are mailed to; empty only shows them in the portal.')
param alertEmail string = ''

@description('Cost centre or budget that the resources are tagged with.')
param budget string = 'pushscan'

@description('Object id of a person who gets the app\'s data roles, to work from their machine; empty for none.')
param principalId string = ''

var names = loadJsonContent('abbreviations.json')
var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = {
  'azd-env-name': environmentName
  budget: budget
  project: 'pushscan'
}
var closed = profile != 'open'
var newRegistry = empty(existingRegistryName)
var registryName = newRegistry ? '${names.registry}${token}' : existingRegistryName
var registryGroup = newRegistry ? '${names.resourceGroup}${environmentName}' : existingRegistryGroup
var registryLocation = newRegistry ? location : existingRegistryLocation
var byWebhook = intake != 'events' && profile != 'private'
var byEvents = intake != 'webhook' || profile == 'private'
var onContainerApps = host == 'containerapps'

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: '${names.resourceGroup}${environmentName}'
  location: location
  tags: tags
}

module identities 'modules/identities.bicep' = {
  name: 'identities'
  scope: group
  params: {
    prefix: '${names.identity}${token}'
    location: location
    tags: tags
    cleanup: cleanupIdentity
    attach: !empty(attach)
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    workspaceName: '${names.logAnalytics}${token}'
    insightsName: '${names.appInsights}${token}'
    location: location
    tags: tags
    workerPrincipalId: identities.outputs.workerPrincipalId
  }
}

module network 'modules/network.bicep' = if (closed) {
  name: 'network'
  scope: group
  params: {
    name: '${names.virtualNetwork}${token}'
    location: location
    tags: tags
    delegation: onContainerApps ? 'Microsoft.App/environments' : 'Microsoft.Web/serverFarms'
    hubNetworkId: hubNetworkId
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: '${names.storageAccount}${token}'
    location: location
    tags: tags
    closed: closed
    workerPrincipalId: identities.outputs.workerPrincipalId
    eventsPrincipalId: identities.outputs.eventsPrincipalId
    developerPrincipalId: principalId
  }
}

module storageEndpoints 'modules/endpoint.bicep' = [
  for kind in ['blob', 'queue', 'table']: if (closed) {
    name: 'storage-${kind}'
    scope: group
    params: {
      name: '${names.privateEndpoint}${token}-${kind}'
      location: location
      tags: tags
      targetId: storage.outputs.id
      groupId: kind
      subnetId: closed ? network!.outputs.endpointsSubnetId : ''
      zoneName: 'privatelink.${kind}.${environment().suffixes.storage}'
      networkId: closed ? network!.outputs.id : ''
    }
  }
]

module vault 'modules/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    name: '${names.vault}${token}'
    location: location
    tags: tags
    closed: closed
    allowedIpRanges: allowedIpRanges
    workerPrincipalId: identities.outputs.workerPrincipalId
    developerPrincipalId: principalId
    webhookSecret: webhookSecret
    previousWebhookSecret: previousWebhookSecret
    notices: !empty(noticeUrl)
    operatorNotices: !empty(operatorsUrl)
    noticeSecret: noticeSecret
    operatorsSecret: operatorsSecret
  }
}

module vaultEndpoint 'modules/endpoint.bicep' = if (closed) {
  name: 'vault-endpoint'
  scope: group
  params: {
    name: '${names.privateEndpoint}${token}-vault'
    location: location
    tags: tags
    targetId: vault.outputs.id
    groupId: 'vault'
    subnetId: closed ? network!.outputs.endpointsSubnetId : ''
    zoneName: 'privatelink.vaultcore.azure.net'
    networkId: closed ? network!.outputs.id : ''
  }
}

module key 'modules/registry-key.bicep' = if (newRegistry && customerManagedKey) {
  name: 'registry-key'
  scope: group
  params: {
    vaultName: '${names.vault}${take(token, 11)}-key'
    identityName: '${names.identity}${token}-registry'
    location: location
    tags: tags
    closed: closed
  }
}

module registry 'modules/registry.bicep' = if (newRegistry) {
  name: 'registry'
  scope: group
  params: {
    name: registryName
    location: location
    tags: tags
    sku: closed || customerManagedKey ? 'Premium' : registrySku
    profile: profile
    allowedIpRanges: allowedIpRanges
    roleMode: registryRoleMode
    untaggedDays: untaggedDays
    keyIdentityId: newRegistry && customerManagedKey ? key!.outputs.identityId : ''
    keyIdentityClientId: newRegistry && customerManagedKey ? key!.outputs.identityClientId : ''
    keyUri: newRegistry && customerManagedKey ? key!.outputs.keyUri : ''
  }
}

module registryEndpoint 'modules/endpoint.bicep' = if (closed) {
  name: 'registry-endpoint'
  scope: group
  params: {
    name: '${names.privateEndpoint}${token}-registry'
    location: location
    tags: tags
    targetId: access.outputs.registryId
    groupId: 'registry'
    subnetId: closed ? network!.outputs.endpointsSubnetId : ''
    zoneName: 'privatelink${environment().suffixes.acrLoginServer}'
    networkId: closed ? network!.outputs.id : ''
  }
}

module posture 'modules/posture-role.bicep' = if (postureRole) {
  name: 'posture-role'
  params: {
    suffix: token
  }
}

module access 'modules/registry-access.bicep' = {
  name: 'registry-access'
  scope: resourceGroup(registryGroup)
  params: {
    registryName: registryName
    roleMode: registryRoleMode
    workerPrincipalId: identities.outputs.workerPrincipalId
    cleanupPrincipalId: identities.outputs.cleanupPrincipalId
    attachPrincipalId: identities.outputs.attachPrincipalId
    postureRoleId: postureRole ? posture!.outputs.id : ''
    advisoryMirror: advisoryMirror
    workspaceId: auditToLogAnalytics ? monitoring.outputs.workspaceId : ''
    storageId: auditToStorage ? storage.outputs.id : ''
    eventHubRuleId: eventHubRuleId
    eventHubName: eventHubName
  }
  dependsOn: [registry]
}

module app 'modules/app.bicep' = if (onContainerApps) {
  name: 'app'
  scope: group
  params: {
    environmentName: '${names.containerAppsEnvironment}${token}'
    name: '${names.containerApp}${token}'
    location: location
    tags: tags
    image: image
    identityId: identities.outputs.workerId
    attachIdentityId: identities.outputs.attachId
    postureRoleId: postureRole ? posture!.outputs.id : ''
    posturePrincipalId: identities.outputs.workerPrincipalId
    settings: appSettings.outputs.settings
    secretUris: vault.outputs.secretUris
    secretsUri: vault.outputs.secretsUri
    routeSecrets: routeSecrets
    loginServer: access.outputs.loginServer
    workspaceName: monitoring.outputs.workspaceName
    subnetId: closed ? network!.outputs.appSubnetId : ''
    public: byWebhook
    minimumInstances: minimumInstances
    maximumInstances: maximumInstances
  }
  dependsOn: [storageEndpoints, vaultEndpoint, registryEndpoint]
}

module premiumApp 'modules/app-premium.bicep' = if (!onContainerApps) {
  name: 'app-premium'
  scope: group
  params: {
    planName: '${names.functionPlan}${token}'
    name: '${names.functionApp}${token}'
    location: location
    tags: tags
    image: image
    identityId: identities.outputs.workerId
    attachIdentityId: identities.outputs.attachId
    identityClientId: identities.outputs.workerClientId
    settings: appSettings.outputs.settings
    secretUris: vault.outputs.secretUris
    secretsUri: vault.outputs.secretsUri
    routeSecrets: routeSecrets
    subnetId: closed ? network!.outputs.appSubnetId : ''
    public: byWebhook
    minimumInstances: minimumInstances
    maximumInstances: maximumInstances
  }
  dependsOn: [storageEndpoints, vaultEndpoint, registryEndpoint]
}

module appSettings 'modules/app-settings.bicep' = {
  name: 'app-settings'
  scope: group
  params: {
    advisoryMirror: advisoryMirror
    storageName: storage.outputs.name
    loginServer: access.outputs.loginServer
    registryId: access.outputs.registryId
    clientId: identities.outputs.workerClientId
    insightsConnection: monitoring.outputs.insightsConnection
    logWorkspace: auditToLogAnalytics ? monitoring.outputs.workspaceCustomerId : ''
    noticeUrl: noticeUrl
    operatorsUrl: operatorsUrl
    reportLink: reportLink
    policyBlob: policyBlob
    epssSource: epssSource
    kevSource: kevSource
    routesBlob: routesBlob
    attach: attach
    attachClientId: identities.outputs.attachClientId
  }
}

module events 'modules/intake-events.bicep' = if (byEvents) {
  name: 'intake-events'
  scope: resourceGroup(registryGroup)
  params: {
    registryName: registryName
    location: registryLocation
    tags: tags
    topicName: empty(existingSystemTopicName) ? '${names.systemTopic}${token}' : existingSystemTopicName
    topicExists: !empty(existingSystemTopicName)
    identityId: identities.outputs.eventsId
    storageId: storage.outputs.id
    queueName: storage.outputs.eventQueueName
    deadLetterContainerName: storage.outputs.deadLetterContainerName
  }
  dependsOn: [access]
}

module webhook 'modules/intake-webhook.bicep' = if (byWebhook) {
  name: 'intake-webhook'
  scope: resourceGroup(registryGroup)
  params: {
    registryName: registryName
    location: registryLocation
    tags: tags
    appHost: onContainerApps ? app!.outputs.host : premiumApp!.outputs.host
    secret: webhookSecret
  }
  dependsOn: [access]
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    groupName: '${names.actionGroup}${token}'
    location: location
    tags: tags
    insightsId: monitoring.outputs.insightsId
    alwaysOn: !onContainerApps || minimumInstances != 0
    email: alertEmail
  }
}

module policies 'modules/policies.bicep' = if (newRegistry) {
  name: 'policies'
  scope: group
  params: {
    effect: policyEffect
    profile: profile
    customerManagedKey: customerManagedKey
  }
  dependsOn: [registry]
}

@description('Region, for azd.')
output AZURE_LOCATION string = location

@description('Resource group of everything but an existing registry.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Where azd pushes the app\'s image.')
output AZURE_CONTAINER_REGISTRY_ENDPOINT string = access.outputs.loginServer

@description('Where azd finds the webhook\'s secret again.')
output AZURE_KEY_VAULT_NAME string = vault.outputs.name

@description('Storage account of queues, reports and verdicts, for `pushscan`.')
output PUSHSCAN_STORAGE__accountName string = storage.outputs.name

@description('What the webhook posts to; empty when only events are used.')
output PUSHSCAN_URL string = byWebhook ? 'https://${onContainerApps ? app!.outputs.host : premiumApp!.outputs.host}' : ''

@description('Client id of the identity that may delete images; empty without one.')
output CLEANUP_CLIENT_ID string = identities.outputs.cleanupClientId
