// What the registry, new or existing, is given: roles, audit logs, the advisories' mirror. Never Reader: it
// pulls images in one role mode and is control plane only in the other.

@description('Name of the registry.')
param registryName string

@description('Role mode of the registry: it decides which roles count at all.')
@allowed(['LegacyRegistryPermissions', 'AbacRepositoryPermissions'])
param roleMode string

@description('Principal that reads images, and settings if there is a role for that.')
param workerPrincipalId string

@description('Principal that may delete images; empty for none.')
param cleanupPrincipalId string

@description('Principal that may attach verdicts to images; empty for none.')
param attachPrincipalId string

@description('Role that reads the registry\'s settings; empty for none.')
param postureRoleId string

@description('Whether the advisory databases are mirrored.')
param advisoryMirror bool

@description('Log Analytics workspace for the audit logs; empty for none.')
param workspaceId string

@description('Storage account for the audit logs; empty for none.')
param storageId string

@description('Authorization rule of an event hub namespace for the audit logs; empty for none.')
param eventHubRuleId string

@description('Event hub for the audit logs.')
param eventHubName string

var abac = roleMode == 'AbacRepositoryPermissions'
var acrPull = '7f951dda-4ed3-4680-a7ca-43fe172d538d'
var acrPush = '8311e382-0749-4cb8-b61a-304f252e45ec'
var acrDelete = 'c2f4ef07-c644-48eb-af81-4b1b4947fb11'
var repositoryReader = 'b93aa761-3e63-49ed-ac28-beffa264f7ac'
var repositoryContributor = '2efddaa5-3f1f-4df3-97df-af3f13818f4c'
var catalogLister = 'bfdb9389-c9a5-478a-bb2f-ba9ca092c3c7'
var readerRoles = abac ? [repositoryReader, catalogLister] : [acrPull]
var cleanupRoles = abac ? [repositoryContributor, catalogLister] : [acrPull, acrDelete]
var attachRoles = abac ? [repositoryContributor] : [acrPush, acrDelete]
var audited = !empty(workspaceId) || !empty(storageId) || !empty(eventHubRuleId)
var mirrored = [
  { name: 'pushscan-trivy-db', source: 'ghcr.io/aquasecurity/trivy-db', target: 'mirror/trivy-db' }
  { name: 'pushscan-trivy-java-db', source: 'ghcr.io/aquasecurity/trivy-java-db', target: 'mirror/trivy-java-db' }
]

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' existing = {
  name: registryName
}

resource reading 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in readerRoles: {
    name: guid(registry.id, workerPrincipalId, role)
    scope: registry
    properties: {
      principalId: workerPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]

resource auditing 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(postureRoleId)) {
  name: guid(registry.id, workerPrincipalId, 'posture')
  scope: registry
  properties: {
    principalId: workerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: postureRoleId
  }
}

resource deleting 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in cleanupRoles: if (!empty(cleanupPrincipalId)) {
    name: guid(registry.id, cleanupPrincipalId, role)
    scope: registry
    properties: {
      principalId: cleanupPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]

resource attaching 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in attachRoles: if (!empty(attachPrincipalId)) {
    name: guid(registry.id, attachPrincipalId, role)
    scope: registry
    properties: {
      principalId: attachPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (audited) {
  name: 'pushscan'
  scope: registry
  properties: {
    workspaceId: empty(workspaceId) ? null : workspaceId
    storageAccountId: empty(storageId) ? null : storageId
    eventHubAuthorizationRuleId: empty(eventHubRuleId) ? null : eventHubRuleId
    eventHubName: empty(eventHubRuleId) ? null : eventHubName
    logs: [
      { category: 'ContainerRegistryLoginEvents', enabled: true }
      { category: 'ContainerRegistryRepositoryEvents', enabled: true }
    ]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

resource mirror 'Microsoft.ContainerRegistry/registries/cacheRules@2025-04-01' = [
  for rule in mirrored: if (advisoryMirror) {
    parent: registry
    name: rule.name
    properties: {
      sourceRepository: rule.source
      targetRepository: rule.target
    }
  }
]

@description('The registry\'s resource id.')
output registryId string = registry.id

@description('The registry\'s host.')
output loginServer string = registry.properties.loginServer
