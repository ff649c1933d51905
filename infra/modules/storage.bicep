// Queues, reports and verdicts. No account key works here: every access is an Entra identity's.

@description('Name of the storage account.')
param name string

@description('Region of the account.')
param location string

@description('Tags of the account.')
param tags object

@description('Whether only private endpoints and Azure\'s trusted services (Event Grid is one) may reach it.')
param closed bool

@description('Principal of the worker, which owns the data.')
param workerPrincipalId string

@description('Principal that Event Grid delivers with.')
param eventsPrincipalId string

@description('Principal of a person with the worker\'s data roles; empty for none.')
param developerPrincipalId string

var eventQueue = 'push-events'
var deadLetters = 'undelivered-events'
var queueNames = [
  eventQueue
  '${eventQueue}-poison'
  'attach-jobs'
  'attach-jobs-poison'
  'notices'
  'notices-poison'
  'rejudge-jobs'
  'rejudge-jobs-poison'
  'rejudge-sweeps'
  'rejudge-sweeps-poison'
  'scan-jobs'
  'scan-jobs-poison'
]
var containerNames = [deadLetters, 'advisories', 'exploits', 'inventories', 'policies', 'posture', 'reports', 'sweeps', 'unreadable-messages']
var tableNames = [
  'advisories'
  'chains'
  'digests'
  'history'
  'images'
  'layers'
  'lookups'
  'notices'
  'policies'
  'profiles'
  'reconciliation'
  'retention'
  'sightings'
  'streams'
  'sweeps'
  'tags'
]
var roles = {
  blobOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  queueContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  tableContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}
var messageSender = 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
var blobContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_ZRS' }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    // Event Grid delivers through the trusted services' door, which "Disabled" may shut.
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: closed ? 'Deny' : 'Allow'
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: { enabled: true, days: 14 }
    containerDeleteRetentionPolicy: { enabled: true, days: 14 }
  }
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = [
  for container in containerNames: {
    parent: blobs
    name: container
    properties: { publicAccess: 'None' }
  }
]

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2025-01-01' = {
  parent: account
  name: 'default'
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-01-01' = [
  for queue in queueNames: {
    parent: queueService
    name: queue
  }
]

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-01-01' = {
  parent: account
  name: 'default'
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-01-01' = [
  for table in tableNames: {
    parent: tableService
    name: table
  }
]

resource tidying 'Microsoft.Storage/storageAccounts/managementPolicies@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'remove-old-undelivered-events'
          type: 'Lifecycle'
          definition: {
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: 30 } } }
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['${deadLetters}/', 'unreadable-messages/'] }
          }
        }
      ]
    }
  }
}

resource workerRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in items(roles): {
    name: guid(account.id, workerPrincipalId, role.value)
    scope: account
    properties: {
      principalId: workerPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.value)
    }
  }
]

resource developerRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in items(roles): if (!empty(developerPrincipalId)) {
    name: guid(account.id, developerPrincipalId, role.value)
    scope: account
    properties: {
      principalId: developerPrincipalId
      principalType: 'User'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.value)
    }
  }
]

resource sending 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, eventsPrincipalId, messageSender)
  scope: queues[0]
  properties: {
    principalId: eventsPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', messageSender)
  }
}

resource deadLettering 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, eventsPrincipalId, blobContributor)
  scope: containers[0]
  properties: {
    principalId: eventsPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobContributor)
  }
}

@description('The account\'s resource id.')
output id string = account.id

@description('The account\'s name.')
output name string = account.name

@description('Queue that Event Grid delivers to.')
output eventQueueName string = eventQueue

@description('Container for events that could not be delivered.')
output deadLetterContainerName string = deadLetters
